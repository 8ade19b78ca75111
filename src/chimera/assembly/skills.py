"""Assembles the import of somebody else's skills: fetch nothing, verify, scan, keep in quarantine. Runs none of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec

from chimera.adapters.catalogue import archive
from chimera.adapters.catalogue.publishers import signed_with
from chimera.adapters.documents import yaml
from chimera.adapters.documents.limits import STANDARD
from chimera.adapters.documents.packages import read_files
from chimera.adapters.local.home import prepare_home, private_folder
from chimera.assembly import tools
from chimera.assembly.catalogue import publishers_of, publishing_key
from chimera.domain import canonical
from chimera.domain.catalogue import ARCHIVE_BYTES_MAX
from chimera.domain.errors import Invalid, Missing
from chimera.domain.imported import (
    HEAD_BYTES_MAX,
    SKILL_FILE,
    ImportedSkill,
    Seal,
    SkillHead,
    signed_bytes,
    wants_of,
)
from chimera.governance.importing import require_name, require_vouched
from chimera.settings import Settings

QUARANTINE, ARCHIVE, RECORD = "skills", "archive.tar.gz", "imported.json"
SEAL_SUFFIX = ".sig"
SEAL_BYTES_MAX = 4_096
FENCE = b"---\n"


def sign_skill(settings: Settings, folder: Path, *, publisher: str, into: Path) -> Seal:
    """Pack a skill's folder and vouch for it: an archive, and beside it the signature."""
    data = archive.packed(read_files(folder))
    digest = canonical.sha256_hex(data)
    key = publishing_key(settings, publisher)
    seal = Seal(publisher=publisher, sha256=digest, signature=signed_with(key, signed_bytes(publisher, digest)))
    into.write_bytes(data)
    into.with_name(into.name + SEAL_SUFFIX).write_bytes(msgspec.json.encode(seal))
    return seal


def import_skill(settings: Settings, source: Path, *, name: str, pin: str) -> ImportedSkill:
    """A skill into quarantine, or why not; then nothing was written."""
    data = _read(source, ARCHIVE_BYTES_MAX)
    seal = require_vouched(data, seal=_read(source.with_name(source.name + SEAL_SUFFIX), SEAL_BYTES_MAX), pin=pin,
                           publishers=publishers_of(settings).known())  # fmt: skip
    files = archive.unpacked(data, where=source.name)
    head = _head_of(files, where=source.name)
    require_name(head.name, name)
    for path, content in sorted(files.items()):
        tools.scanner().require_harmless({"text": content.decode("utf-8", "replace")}, what=f"{name}/{path}")
    made = ImportedSkill(name=name, description=head.description, publisher=seal.publisher, sha256=pin,
                         wants=wants_of(head.metadata), files=tuple(sorted(files)))  # fmt: skip
    private_folder(prepare_home(settings.folder) / QUARANTINE)
    folder = private_folder(_folder_of(settings, name, pin))
    (folder / ARCHIVE).write_bytes(data)
    (folder / RECORD).write_bytes(msgspec.json.encode(made))
    return made


def imported_skills(settings: Settings) -> tuple[ImportedSkill, ...]:
    """What lies in quarantine, by name."""
    found = sorted((settings.folder / QUARANTINE).glob(f"*/{RECORD}"))
    return tuple(msgspec.json.decode(path.read_bytes(), type=ImportedSkill) for path in found)


def _head_of(files: dict[str, bytes], *, where: str) -> SkillHead:
    text = files.get(SKILL_FILE, b"").replace(b"\r\n", b"\n")
    head, closed, _ = text.removeprefix(FENCE).partition(b"\n" + FENCE)
    if not text.startswith(FENCE) or not closed or len(head) > HEAD_BYTES_MAX:
        raise Invalid(
            "skill_malformed",
            f"there is no {SKILL_FILE} with a head between two lines of ---",
            where=where,
            remedy="import another",
        )
    document = yaml.parse(head + b"\n", file=f"{where}/{SKILL_FILE}", limits=STANDARD)
    try:
        return msgspec.convert(document.value, SkillHead)
    except msgspec.ValidationError as error:
        raise Invalid(
            "skill_malformed", str(error)[:200], where=f"{where}/{SKILL_FILE}", remedy="import another"
        ) from error


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise Missing("skill_missing", f"cannot be read: {error.strerror}", where=str(path),
                      remedy="name an archive that lies beside its .sig") from error  # fmt: skip
    if len(data) > limit:
        raise Invalid("skill_too_large", f"more than {limit} bytes", where=str(path), remedy="do not import it")
    return data


def files_of(settings: Settings, skill: ImportedSkill) -> dict[str, bytes]:
    """The files of an imported skill, out of its archive as it was pinned; what was changed since is refused."""
    data = _read(_folder_of(settings, skill.name, skill.sha256) / ARCHIVE, ARCHIVE_BYTES_MAX)
    if canonical.sha256_hex(data) != skill.sha256:
        raise Invalid("skill_not_as_pinned", "its archive was changed in quarantine", where=skill.name,
                      remedy="import it again")  # fmt: skip
    return archive.unpacked(data, where=skill.name)


async def serve_skills(settings: Settings) -> None:
    """Imported skills over MCP on standard input and output, until the client hangs up."""
    # Imported when used: the MCP library takes longer to load than all the rest.
    from mcp.server.stdio import stdio_server

    from chimera.connectors.skills.server import Skills

    server = Skills(imported_skills(settings), partial(files_of, settings)).server()
    async with stdio_server() as (read_stream, write_stream):
        await server.run(read_stream, write_stream, server.create_initialization_options())


def _folder_of(settings: Settings, name: str, pin: str) -> Path:
    return settings.folder / QUARANTINE / f"{name}-{pin[:16]}"
