/** The API's shapes by name, from the generated schema. */
import type { components } from "@/api/schema";

export type Schemas = components["schemas"];
