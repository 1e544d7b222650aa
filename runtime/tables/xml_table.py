"""A table as XML, valid by the XSD that is made from the same description: an element a row, and in it an element for each
column that has a value. A column without a value has no element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runtime.tables.xml_text import escaped
from schemas.tables.columns import Kind, Table

ABOUT = (
    "election",
    "mode",
    "is_test",
    "definition",
    "licence",
    "source",
    "table",
    "schema_version",
    "office",
    "level",
    "as_of",
)
"""Attributes of the first element."""


class XmlTable:
    def __init__(self, path: Path, table: Table, about: Mapping[str, str]) -> None:
        """Begin a new file. Raises OSError."""
        self._columns = [(column.name, column.kind is Kind.TEXT) for column in table.columns]
        self._file = path.open("x", encoding="utf-8", newline="")
        attributes = "".join(f' {name}="{escaped(about[name])}"' for name in ABOUT if name in about)
        self._file.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<rows xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="{table.name}.xsd"'
            f"{attributes}>\n"
        )

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        columns = self._columns
        parts = []
        for row in rows:
            parts.append("<row>")
            for (name, is_text), value in zip(columns, row, strict=True):
                if value is not None:
                    parts.append(f"<{name}>{escaped(value) if is_text else value}</{name}>")
            parts.append("</row>\n")
        self._file.write("".join(parts))

    def close(self) -> None:
        if not self._file.closed:
            self._file.write("</rows>\n")
        self._file.close()


_TYPES = {
    Kind.CODE: "xs:token",
    Kind.TEXT: "xs:string",
    Kind.COUNT: "count",
    Kind.AMOUNT: "xs:long",
    Kind.DAY: "xs:date",
    Kind.TIME: "xs:dateTime",
    Kind.HASH: "hash",
}


def xsd(table: Table) -> str:
    """The XML Schema (1.0) of the table's files."""
    columns = "\n".join(_element(table, index) for index in range(len(table.columns)))
    attributes = "\n".join(f'      <xs:attribute name="{name}" type="xs:string"/>' for name in ABOUT)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" version="{table.version}">
  <xs:annotation>
    <xs:documentation xml:lang="en">{escaped(table.title.en)}</xs:documentation>
    <xs:documentation xml:lang="id">{escaped(table.title.id)}</xs:documentation>
  </xs:annotation>
  <xs:simpleType name="count">
    <xs:restriction base="xs:long"><xs:minInclusive value="0"/></xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="hash">
    <xs:restriction base="xs:string"><xs:pattern value="[0-9a-f]+"/></xs:restriction>
  </xs:simpleType>
  <xs:element name="rows">
    <xs:complexType>
      <xs:sequence>
        <xs:element ref="row" minOccurs="0" maxOccurs="unbounded"/>
      </xs:sequence>
{attributes}
    </xs:complexType>
  </xs:element>
  <xs:element name="row">
    <xs:complexType>
      <xs:sequence>
{columns}
      </xs:sequence>
    </xs:complexType>
  </xs:element>
</xs:schema>
"""


def _element(table: Table, index: int) -> str:
    column = table.columns[index]
    optional = ' minOccurs="0"' if column.nullable else ""
    unit = "" if column.unit is None else f" ({column.unit})"
    documentation = (
        f'<xs:annotation><xs:documentation xml:lang="en">{escaped(column.meaning.en)}{unit}</xs:documentation>'
        f'<xs:documentation xml:lang="id">{escaped(column.meaning.id)}</xs:documentation></xs:annotation>'
    )
    head = f'        <xs:element name="{column.name}"{optional}'
    if not column.codes:
        return f'{head} type="{_TYPES[column.kind]}">{documentation}</xs:element>'
    values = "".join(f'<xs:enumeration value="{escaped(each.code)}"/>' for each in column.codes)
    restricted = f'<xs:simpleType><xs:restriction base="xs:token">{values}</xs:restriction></xs:simpleType>'
    return f"{head}>{documentation}{restricted}</xs:element>"
