//! Apache Parquet: columns of typed values, compressed; a format of data frames and lakehouses.
//!
//! Values become text like in a CSV file of the same table, so that the following code treats both alike: numbers with
//! enough digits to distinguish them from their neighbours, empty cells for null, times as RFC 3339 in UTC if the column
//! states it and without a zone if not. Format: <https://parquet.apache.org/docs/file-format/>.

use std::fmt::Write;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field;
use ::parquet::record::reader::RowIter;
use ::parquet::schema::types::Type;
use csv::{ByteRecord, Position};

use crate::error::LogError;
use crate::time_as_text;

/// A file of this format begins, and ends, with these bytes.
pub(super) const MARK: &[u8] = b"PAR1";

/// Rows of a Parquet file.
pub(super) struct Rows {
    rows: RowIter<'static>,
    columns: Vec<Column>,
    /// Rows that were read.
    number: u64,
    text: String,
}

/// The meaning of a column's numbers, if their type does not define it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Column {
    Plain,
    /// A time in parts of a second since 1970, in UTC or in an unknown zone.
    Time {
        per_second: i64,
        utc: bool,
    },
}

/// The names of columns, and the rows.
pub(super) fn open(path: &Path, file: File) -> Result<(Vec<String>, Rows), LogError> {
    guarded(path, || {
        let reader = SerializedFileReader::new(file)?;
        let schema = reader.metadata().file_metadata().schema_descr().root_schema_ptr();
        let fields = schema.get_fields();
        let header = fields.iter().map(|field| field.name().trim().to_owned()).collect();
        let columns = fields.iter().map(|field| column(field)).collect();
        Ok((header, Rows { rows: reader.into_iter(), columns, number: 0, text: String::new() }))
    })
}

fn column(field: &Type) -> Column {
    if !field.is_primitive() {
        return Column::Plain;
    }
    match (field.get_basic_info().logical_type_ref(), field.get_basic_info().converted_type()) {
        (Some(LogicalType::Timestamp(time)), _) => {
            let per_second = match time.unit {
                TimeUnit::MILLIS => 1_000,
                TimeUnit::MICROS => 1_000_000,
                TimeUnit::NANOS => 1_000_000_000,
            };
            Column::Time { per_second, utc: time.is_adjusted_to_u_t_c }
        }
        (_, ConvertedType::TIMESTAMP_MILLIS) => Column::Time { per_second: 1_000, utc: true },
        (_, ConvertedType::TIMESTAMP_MICROS) => Column::Time { per_second: 1_000_000, utc: true },
        // The 96 bits of old Impala and Spark files come as milliseconds; their zone is unknown.
        _ if field.get_physical_type() == ::parquet::basic::Type::INT96 => {
            Column::Time { per_second: 1_000, utc: false }
        }
        _ => Column::Plain,
    }
}

impl Rows {
    pub(super) fn next(&mut self, record: &mut ByteRecord, path: &Path) -> Result<bool, LogError> {
        record.clear();
        let Self { rows, columns, number, text } = self;
        let more = guarded(path, || {
            let Some(row) = rows.next().transpose()? else { return Ok(false) };
            for ((_, field), column) in row.get_column_iter().zip(columns.iter()) {
                text.clear();
                write(text, field, *column);
                record.push_field(text.as_bytes());
            }
            Ok(true)
        })?;
        if more {
            *number += 1;
            let mut position = Position::new();
            position.set_line(*number);
            record.set_position(Some(position));
        }
        Ok(more)
    }
}

/// Appends a value as in a CSV file.
fn write(text: &mut String, field: &Field, column: Column) {
    let written = match (field, column) {
        (Field::Null, _) => Ok(()),
        (Field::Str(value), _) => text.write_str(value),
        (Field::Bytes(value), _) => text.write_str(&String::from_utf8_lossy(value.data())),
        (Field::Float(value), _) => write!(text, "{value}"),
        (Field::Double(value), _) => write!(text, "{value}"),
        (Field::Date(days), _) => {
            time_as_text::write(text, i64::from(*days) * 86_400, 0, 1, false);
            Ok(())
        }
        (
            Field::Long(value) | Field::TimestampMillis(value) | Field::TimestampMicros(value),
            Column::Time { per_second, utc },
        ) => {
            time_as_text::write(
                text,
                value.div_euclid(per_second),
                value.rem_euclid(per_second),
                per_second,
                utc,
            );
            Ok(())
        }
        (other, _) => write!(text, "{other}"),
    };
    written.expect("writing to a string cannot fail");
}

/// The library panics on some damaged files. This is an error like others; the reader is not used afterwards.
fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, LogError> {
    let damaged = |found: String| LogError::of(path, found, "export it again, or as CSV in UTF-8");
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => Err(damaged(format!("it is not a complete Parquet file: {error}"))),
        Err(_) => Err(damaged("it is damaged".to_owned())),
    }
}
