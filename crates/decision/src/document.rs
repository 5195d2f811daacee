//! A TOML text as a tree in which every value knows where it was written, with the `--set` overrides applied.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, Origin};

/// A parsed project file with its overrides.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file first, then one text per override.
    sources: Vec<Source>,
    pub(crate) root: Node,
}

#[derive(Clone, Debug)]
struct Source {
    name: String,
    text: String,
}

/// A value and its position.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub value: Value,
    source: usize,
    span: Range<usize>,
    key_span: Range<usize>,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    /// Integers beyond 64 bits arrive as [`Value::Float`].
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Date,
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl Node {
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// A description of the value, for "expected …, found …".
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Text(text) => format!("the text \"{text}\""),
            Value::Integer(value) => format!("{value}"),
            Value::Float(value) => format!("{value}"),
            Value::Boolean(value) => format!("{value}"),
            Value::Date => "a date".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}

impl Document {
    /// An empty document.
    pub fn empty() -> Self {
        Self::parse("defaults", "").expect("an empty text is a document without keys")
    }

    /// Parses a text; errors call the text `name`.
    pub fn parse(name: &str, text: &str) -> Result<Self, Box<Diagnostic>> {
        let root = parse(name, text, 0)?;
        Ok(Self { sources: vec![Source { name: name.to_owned(), text: text.to_owned() }], root })
    }

    /// Applies an assignment such as `train.ppo.learning_rate=1e-3` to the document. A value that is not valid TOML
    /// (`train.algorithm=ppo`) is taken as text.
    pub fn set(&mut self, assignment: &str) -> Result<(), Box<Diagnostic>> {
        let help = "write it as section.key=value, for example --set train.ppo.learning_rate=1e-3";
        let refuse = |title: String| {
            Box::new(Diagnostic {
                title,
                origin: Some(Origin {
                    name: "--set".into(),
                    text: assignment.into(),
                    span: 0..assignment.len(),
                }),
                label: "expected section.key=value".into(),
                help: Some(help.into()),
            })
        };
        let Some((path, value)) = assignment.split_once('=') else {
            return Err(refuse(format!("`{assignment}` sets nothing")));
        };
        let plain_key = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        };
        if !path.trim().split('.').all(plain_key) || assignment.contains('\n') {
            return Err(refuse(format!("`{path}` is not the path of a key")));
        }
        let source = self.sources.len();
        let mut text = assignment.to_owned();
        let root = parse("--set", &text, source).or_else(|error| {
            // A bare word is a text. A value that looks like TOML keeps the error of TOML.
            if value.trim().chars().all(|c| c.is_alphanumeric() || "_-./ ".contains(c))
                && !value.trim().is_empty()
            {
                text = format!("{path}=\"{}\"", value.trim());
                parse("--set", &text, source)
            } else {
                Err(error)
            }
        })?;
        self.sources.push(Source { name: "--set".into(), text });
        merge(&mut self.root, root);
        Ok(())
    }

    /// Whether the document has a value at a dotted path.
    pub fn has(&self, path: &str) -> bool {
        path.split('.').try_fold(&self.root, |node, key| node.get(key)).is_some()
    }

    /// An error about a value.
    pub(crate) fn at_value(
        &self,
        node: &Node,
        title: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) -> Box<Diagnostic> {
        self.at(node.source, node.span.clone(), title.into(), label.into(), help)
    }

    /// An error about the key of a value.
    pub(crate) fn at_key(
        &self,
        node: &Node,
        title: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) -> Box<Diagnostic> {
        self.at(node.source, node.key_span.clone(), title.into(), label.into(), help)
    }

    /// An error about a missing value.
    pub(crate) fn at_file(
        &self,
        title: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) -> Box<Diagnostic> {
        let end = self.sources[0].text.trim_end().len();
        self.at(0, end..end, title.into(), label.into(), help)
    }

    fn at(
        &self,
        source: usize,
        span: Range<usize>,
        title: String,
        label: String,
        help: Option<String>,
    ) -> Box<Diagnostic> {
        let Source { name, text } = &self.sources[source];
        let origin = Origin { name: name.clone(), text: text.clone(), span };
        Box::new(Diagnostic { title, origin: Some(origin), label, help })
    }
}

fn parse(name: &str, text: &str, source: usize) -> Result<Node, Box<Diagnostic>> {
    let table = DeTable::parse(text).map_err(|error| {
        let length = text.len();
        let span = error.span().unwrap_or(length..length);
        let span = span.start.min(length)..span.end.min(length);
        Box::new(Diagnostic {
            title: format!("this is not valid TOML: {}", error.message().trim_end()),
            origin: Some(Origin { name: name.to_owned(), text: text.to_owned(), span }),
            label: String::new(),
            help: Some("write texts in \"quotes\", names of tables in [brackets], and each key once".into()),
        })
    })?;
    let span = table.span();
    Ok(Node {
        value: Value::Table(entries(table.get_ref(), source)),
        source,
        span: span.clone(),
        key_span: span,
    })
}

fn entries(table: &DeTable<'_>, source: usize) -> Vec<(String, Node)> {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        (name.clone().into_owned(), node(value, key.span(), source))
    };
    table.iter().map(entry).collect()
}

fn node(value: &Spanned<DeValue<'_>>, key_span: Range<usize>, source: usize) -> Node {
    let span = value.span();
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => Value::Integer(integer),
            Err(_) => Value::Float(integer.as_str().parse().unwrap_or(f64::INFINITY)),
        },
        DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(list) => {
            Value::List(list.iter().map(|item| node(item, item.span(), source)).collect())
        }
        DeValue::Table(table) => Value::Table(entries(table, source)),
    };
    Node { value, source, span, key_span }
}

/// Merges tables and replaces all other values.
fn merge(base: &mut Node, over: Node) {
    match (&mut base.value, over.value) {
        (Value::Table(base), Value::Table(over)) => {
            for (key, node) in over {
                match base.iter_mut().find(|(name, _)| *name == key) {
                    Some((_, present)) => merge(present, node),
                    None => base.push((key, node)),
                }
            }
        }
        (_, value) => *base = Node { value, ..over },
    }
}

/// Converts a table to plain TOML.
pub(crate) fn to_toml(node: Option<&Node>) -> toml::Table {
    fn value(node: &Node) -> Option<toml::Value> {
        Some(match &node.value {
            Value::Text(text) => toml::Value::String(text.clone()),
            Value::Integer(integer) => toml::Value::Integer(*integer),
            Value::Float(float) => toml::Value::Float(*float),
            Value::Boolean(boolean) => toml::Value::Boolean(*boolean),
            // No process reads dates, and `Section::finish` refuses them.
            Value::Date => return None,
            Value::List(items) => toml::Value::Array(items.iter().filter_map(value).collect()),
            Value::Table(_) => toml::Value::Table(to_toml(Some(node))),
        })
    }
    match node.map(|node| &node.value) {
        Some(Value::Table(entries)) => {
            entries.iter().filter_map(|(key, node)| Some((key.clone(), value(node)?))).collect()
        }
        _ => toml::Table::new(),
    }
}
