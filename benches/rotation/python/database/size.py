"""Prints how large the zip is of a folder's modules and of what they need.

    size.py FOLDER MODULE... -- PACKAGE...

boto3 is not among the packages: Lambda has it.
"""

import importlib.metadata
import io
import pathlib
import sys
import zipfile

folder = pathlib.Path(sys.argv[1])
middle = sys.argv.index("--")
modules, packages = sys.argv[2:middle], sys.argv[middle + 1 :]

package = io.BytesIO()
with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for module in modules:
        archive.write(folder / module, module)
    for name in packages:
        for file in importlib.metadata.files(name):
            # Compiled modules of one interpreter, and scripts.
            if "__pycache__" not in file.parts and ".." not in file.parts:
                archive.write(file.locate(), str(file))
print(len(package.getvalue()))
