"""Writes the Parquet files of tests/parquet.rs: one table as the libraries that people keep logs with write it.

Run in this folder with pandas 3.1, pyarrow 26.0, polars 2.1 and duckdb 2.0:  python write.py
"""

import duckdb
import numpy as np
import pandas
import polars
import pyarrow
import pyarrow.parquet

random = np.random.default_rng(7)
rows = 60
step = np.arange(rows) % 20
temperature = np.round(50 + 20 * random.random(rows), 1)
temperature[17] = np.nan
table = pandas.DataFrame(
    {
        "batch": [f"B{1 + row // 20:03}" for row in range(rows)],
        "time": pandas.Timestamp("2026-03-28T06:00:00.25") + pandas.to_timedelta(np.arange(rows), unit="min"),
        "temperature": temperature,
        "fill": random.random(rows),
        "ended": (step == 19).astype(bool),
        "parts": random.integers(0, 40, rows),
        "action": np.array(["wait", "heat", "drain"])[random.integers(0, 3, rows)],
        "reward": np.round(random.normal(size=rows), 3),
    }
)
text = table.copy()
text["time"] = text["time"].dt.strftime("%Y-%m-%dT%H:%M:%S.%f").str[:-4]
text["ended"] = text["ended"].map({True: "true", False: "false"})
text.to_csv("log.csv", index=False)

# Nanoseconds, snappy: the defaults of pandas.
nanoseconds = table.assign(time=table["time"].astype("datetime64[ns]"))
nanoseconds.to_parquet("pandas.parquet", index=False)
# Microseconds, zstd.
polars.from_pandas(table).with_columns(polars.col("time").cast(polars.Datetime("us"))).write_parquet("polars.parquet")
rows_of_log = table
duckdb.sql("COPY (SELECT * FROM rows_of_log) TO 'duckdb.parquet' (FORMAT parquet, COMPRESSION gzip)")
# Several row groups, the second version of data pages, categories, decimals, milliseconds.
arrow = pyarrow.Table.from_pandas(table, preserve_index=False)
arrow = arrow.set_column(0, "batch", arrow["batch"].dictionary_encode())
arrow = arrow.set_column(1, "time", arrow["time"].cast(pyarrow.timestamp("ms")))
arrow = arrow.set_column(7, "reward", arrow["reward"].cast(pyarrow.decimal128(9, 3), safe=False))
pyarrow.parquet.write_table(
    arrow, "arrow.parquet", compression="lz4", row_group_size=16, data_page_version="2.0"
)
# The times of Impala and of Spark before its third version.
pyarrow.parquet.write_table(
    pyarrow.Table.from_pandas(table, preserve_index=False),
    "int96.parquet",
    compression="none",
    use_deprecated_int96_timestamps=True,
)
