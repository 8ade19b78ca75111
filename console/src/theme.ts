import { createTheme, type MantineColorsTuple } from "@mantine/core";

const verdigris: MantineColorsTuple = [
  "#e4f6f1", "#cdebe2", "#9fd8c8", "#74c9b3", "#4cb79e", "#2f9c84", "#12836b", "#0b6b57", "#085545", "#043d32",
];
const vermilion: MantineColorsTuple = [
  "#fdebe7", "#fbd5cd", "#f5ab9d", "#ee8470", "#e3614a", "#d24c34", "#b5331d", "#9c2a17", "#7f2012", "#63180c",
];

/** What Mantine's parts look like in this house; colours of surfaces and text are in styles/theme.css. */
export const theme = createTheme({
  primaryColor: "verdigris",
  primaryShade: { light: 7, dark: 7 },
  colors: { verdigris, vermilion },
  fontFamily: "var(--font-text)",
  fontFamilyMonospace: "var(--font-code)",
  headings: { fontFamily: "var(--font-title)", fontWeight: "500" },
  defaultRadius: "sm",
  cursorType: "pointer",
  components: {
    Button: { defaultProps: { size: "xs", fw: 500, fz: 13 } },
    TextInput: { defaultProps: { size: "sm" } },
    SegmentedControl: { defaultProps: { size: "xs" } },
    Modal: { defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.5, blur: 2 }, radius: "md", closeButtonProps: { "aria-label": "Close" } } },
    Tooltip: { defaultProps: { openDelay: 350, withArrow: true } },
  },
});
