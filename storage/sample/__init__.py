"""The sample: the bill of an invented AI company, with its metrics and planted incidents."""

from storage.sample.write import SampleRefusedError, SampleReport, write_sample

__all__ = ["SampleRefusedError", "SampleReport", "write_sample"]
