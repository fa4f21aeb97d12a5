"""One text format into another: CSV, JSON, YAML, XML. Pure.

formats   what each format reads and writes; `convert`
xml_text  the XML of it: elements as maps
"""

from pipelines.conversion.formats import CONVERSIONS, ConversionError, convert, csv_text, read_csv

__all__ = ["CONVERSIONS", "ConversionError", "convert", "csv_text", "read_csv"]
