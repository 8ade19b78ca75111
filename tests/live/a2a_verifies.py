"""Runs where a2a-sdk is: reads a card from standard input and a public key from the command line, and verifies it."""

# pyright: reportMissingImports=false, reportMissingModuleSource=false
# What is imported here is in an environment of its own (`make live-tools`).

import base64
import json
import sys

from a2a.types import AgentCard
from a2a.utils.signing import create_signature_verifier
from google.protobuf.json_format import ParseDict
from jwt import PyJWK

card = ParseDict(json.load(sys.stdin), AgentCard())
public = base64.urlsafe_b64encode(bytes.fromhex(sys.argv[1])).rstrip(b"=").decode()
key = PyJWK({"kty": "OKP", "crv": "Ed25519", "x": public, "alg": "EdDSA"})
create_signature_verifier(lambda kid, jku: key, ["EdDSA"])(card)
sys.stdout.write(f"{card.name} {len(card.skills)} {card.supported_interfaces[0].protocol_version}\n")
