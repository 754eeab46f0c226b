"""Packs a folder as a tar.gz or a zip file, with the same bytes for the same content.

    python3 release/pack.py FOLDER FILE

The time of every file is SOURCE_DATE_EPOCH, in seconds. Python does on each system what GNU tar
does on Linux.
"""

import gzip
import io
import os
import pathlib
import sys
import tarfile
import time
import zipfile

PROGRAMS = ("keyrota", "keyrota.exe")


def files(folder: pathlib.Path) -> list[tuple[str, int, bytes]]:
    """Returns the name, the mode, and the content of each file, in order."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        (
            path.relative_to(folder.parent).as_posix(),
            0o755 if path.name in PROGRAMS else 0o644,
            path.read_bytes(),
        )
        for path in found
    ]


def tar(content: list[tuple[str, int, bytes]], seconds: int) -> bytes:
    """Returns a compressed tar archive."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, mode, data in content:
            entry = tarfile.TarInfo(name)
            entry.mode, entry.mtime, entry.size = mode, seconds, len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def compressed(content: list[tuple[str, int, bytes]], seconds: int) -> bytes:
    """Returns a zip archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, mode, data in content:
            entry = zipfile.ZipInfo(name, time.gmtime(seconds)[:6])
            # The system that made the file: Unix, wherever this runs.
            entry.create_system = 3
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return packed.getvalue()


def main() -> None:
    folder, file = map(pathlib.Path, sys.argv[1:])
    pack = compressed if file.suffix == ".zip" else tar
    file.write_bytes(pack(files(folder), int(os.environ["SOURCE_DATE_EPOCH"])))


if __name__ == "__main__":
    main()
