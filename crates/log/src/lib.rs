//! Data from plants: logs of decisions, read, audited and cut into episodes.
//!
//! * [`log`] – decisions, episode by episode; the type that all other crates take
//! * [`mod@read`] – a CSV or Parquet file becomes a log; start here. [`table`] (delimiter, decimal
//!   comma), [`encoding`], [`time`] – its pieces
//! * [`mapping`] – the meaning of columns, and a proposal if the project has none
//! * [`holes`] – rows with missing cells: the one place that leaves them out, or holds the last value
//! * [`profile`] – a table whose columns nobody has explained: their content, and the part that each may play
//! * [`finding`] – one fault of a log: its column, first line and remedy
//! * [`audit`] – all faults of a log, and whether its reward follows from its signals

pub mod audit;
pub mod encoding;
pub mod error;
pub mod finding;
pub mod holes;
pub mod left_out;
pub mod log;
pub mod mapping;
pub mod profile;
pub mod read;
pub mod table;
pub mod time;
#[cfg(feature = "parquet")]
mod time_as_text;

pub use error::LogError;
pub use log::{Log, LoggedEpisode};
pub use read::{Reading, read};
