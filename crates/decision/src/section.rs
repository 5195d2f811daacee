//! Reading one table: typed values with ranges, meanings and units; unknown keys are errors that name the nearest one.

use std::cell::RefCell;
use std::fmt;

use crate::diagnostic::{Diagnostic, suggestion};
use crate::document::{Document, Node, Value};

/// The range of a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    low: f64,
    high: f64,
    low_excluded: bool,
}

impl Range {
    /// Any finite number.
    pub fn any() -> Self {
        Self { low: f64::NEG_INFINITY, high: f64::INFINITY, low_excluded: false }
    }
    /// Greater than 0.
    pub fn positive() -> Self {
        Self { low: 0.0, high: f64::INFINITY, low_excluded: true }
    }
    /// Greater than 0, and `high` at most.
    pub fn positive_up_to(high: f64) -> Self {
        Self { low: 0.0, high, low_excluded: true }
    }
    /// `low` or more.
    pub fn at_least(low: f64) -> Self {
        Self { low, ..Self::any() }
    }
    /// From `low` to `high`, both included.
    pub fn between(low: f64, high: f64) -> Self {
        Self { low, high, low_excluded: false }
    }
    /// Whether a number is in the range.
    pub fn contains(&self, value: f64) -> bool {
        let above = if self.low_excluded { value > self.low } else { value >= self.low };
        value.is_finite() && above && value <= self.high
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low.is_finite(), self.high.is_finite()) {
            (false, false) => write!(formatter, "a finite number"),
            (true, false) if self.low_excluded => write!(formatter, "a number greater than {}", self.low),
            (true, false) => write!(formatter, "a number of at least {}", self.low),
            (_, true) if self.low_excluded => {
                write!(formatter, "a number greater than {} and at most {}", self.low, self.high)
            }
            (_, true) => write!(formatter, "a number from {} to {}", self.low, self.high),
        }
    }
}

/// A key that a table's reader asked for; lists of options show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Its possible values, as text.
    pub expected: String,
    /// Its meaning, in a few words.
    pub meaning: &'static str,
}

/// The range of whole numbers, as text.
fn whole(range: &Range) -> String {
    range.to_string().replacen("a number", "a whole number", 1)
}

/// One table of a document.
pub struct Section<'a> {
    document: &'a Document,
    path: String,
    node: Option<&'a Node>,
    known: RefCell<Vec<&'static str>>,
    /// The place to note the requested keys, if the caller wants them.
    asked: Option<&'a RefCell<Vec<Key>>>,
}

type Read<T> = Result<Option<T>, Box<Diagnostic>>;

impl Document {
    /// The table at a dotted path; an absent one reads as empty.
    pub fn section(&self, path: &str) -> Section<'_> {
        let node = path.split('.').try_fold(&self.root, |node, key| node.get(key));
        Section::new(self, path.to_owned(), node)
    }

    /// The whole document as a table.
    pub(crate) fn top(&self) -> Section<'_> {
        Section::new(self, String::new(), Some(&self.root))
    }
}

impl<'a> Section<'a> {
    fn new(document: &'a Document, path: String, node: Option<&'a Node>) -> Self {
        Self { document, path, node, known: RefCell::new(Vec::new()), asked: None }
    }

    /// The same table, which notes each value that its reader asks for once. So a list of options shows what the reader
    /// accepts.
    pub fn noting(self, asked: &'a RefCell<Vec<Key>>) -> Self {
        Self { asked: Some(asked), ..self }
    }

    /// Whether the table exists.
    pub fn is_present(&self) -> bool {
        self.node.is_some()
    }

    /// The name of the table in errors.
    fn name(&self) -> String {
        if self.path.is_empty() { "the project file".to_owned() } else { format!("[{}]", self.path) }
    }

    /// Notes a key that another reader reads.
    pub fn allow(&self, key: &'static str) {
        if !self.known.borrow().contains(&key) {
            self.known.borrow_mut().push(key);
        }
    }

    fn find(&self, key: &'static str) -> Result<Option<&'a Node>, Box<Diagnostic>> {
        self.allow(key);
        let Some(node) = self.node else { return Ok(None) };
        if !matches!(node.value, Value::Table(_)) {
            let found = node.describe();
            let title = format!("{} must be a table, not {found}", self.name());
            return Err(self.document.at_value(node, title, "expected a table of keys and values", None));
        }
        Ok(node.get(key))
    }

    /// A value with known kind and meaning, which [`Section::noting`] notes.
    fn value(
        &self,
        name: &'static str,
        expected: impl fmt::Display,
        meaning: &'static str,
    ) -> Result<Option<&'a Node>, Box<Diagnostic>> {
        if let Some(asked) = self.asked {
            let mut asked = asked.borrow_mut();
            if asked.iter().all(|key| key.name != name) {
                asked.push(Key { name, expected: expected.to_string(), meaning });
            }
        }
        self.find(name)
    }

    fn wrong(&self, node: &Node, key: &str, expected: &str, meaning: &str) -> Box<Diagnostic> {
        let title = format!("`{key}` of {} cannot be {}", self.name(), node.describe());
        self.document.at_value(
            node,
            title,
            format!("expected {expected}"),
            Some(format!("`{key}`: {meaning}")),
        )
    }

    /// A number, with its meaning and its unit.
    pub fn number(&self, key: &'static str, range: Range, meaning: &'static str) -> Read<f64> {
        let Some(node) = self.value(key, &range, meaning)? else { return Ok(None) };
        self.to_number(node, key, &range, meaning).map(Some)
    }

    fn to_number(
        &self,
        node: &Node,
        key: &str,
        range: &Range,
        meaning: &str,
    ) -> Result<f64, Box<Diagnostic>> {
        let value = match node.value {
            Value::Integer(value) => value as f64,
            Value::Float(value) => value,
            _ => return Err(self.wrong(node, key, &range.to_string(), meaning)),
        };
        if range.contains(value) {
            Ok(value)
        } else {
            Err(self.wrong(node, key, &range.to_string(), meaning))
        }
    }

    /// A whole number of 0 or more.
    pub fn integer(&self, key: &'static str, range: Range, meaning: &'static str) -> Read<u64> {
        let Some(node) = self.value(key, whole(&range), meaning)? else { return Ok(None) };
        self.to_integer(node, key, &range, meaning).map(Some)
    }

    fn to_integer(
        &self,
        node: &Node,
        key: &str,
        range: &Range,
        meaning: &str,
    ) -> Result<u64, Box<Diagnostic>> {
        let expected = whole(range);
        match node.value {
            Value::Integer(value) if value >= 0 && range.contains(value as f64) => Ok(value as u64),
            // People write large counts as 1e6.
            Value::Float(value)
                if value.fract() == 0.0 && (0.0..9e15).contains(&value) && range.contains(value) =>
            {
                Ok(value as u64)
            }
            _ => Err(self.wrong(node, key, &expected, meaning)),
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self, key: &'static str, meaning: &'static str) -> Read<bool> {
        match self.value(key, "true or false", meaning)? {
            None => Ok(None),
            Some(Node { value: Value::Boolean(value), .. }) => Ok(Some(*value)),
            Some(node) => Err(self.wrong(node, key, "true or false", meaning)),
        }
    }

    /// A text that is not empty.
    pub fn string(&self, key: &'static str, meaning: &'static str) -> Read<String> {
        match self.value(key, "a text", meaning)? {
            None => Ok(None),
            Some(Node { value: Value::Text(text), .. }) if !text.trim().is_empty() => Ok(Some(text.clone())),
            Some(node) => Err(self.wrong(node, key, "a text in quotes that is not empty", meaning)),
        }
    }

    /// A text that may be empty.
    pub fn any_string(&self, key: &'static str, meaning: &'static str) -> Read<String> {
        match self.value(key, "a text", meaning)? {
            None => Ok(None),
            Some(Node { value: Value::Text(text), .. }) => Ok(Some(text.clone())),
            Some(node) => Err(self.wrong(node, key, "a text in quotes", meaning)),
        }
    }

    /// One of several words.
    pub fn choice(
        &self,
        key: &'static str,
        allowed: &[&'static str],
        meaning: &'static str,
    ) -> Read<&'static str> {
        let words: Vec<String> = allowed.iter().map(|word| format!("\"{word}\"")).collect();
        let quoted =
            if words.len() > 2 { format!("one of {}", words.join(", ")) } else { words.join(" or ") };
        let Some(node) = self.value(key, &quoted, meaning)? else { return Ok(None) };
        let Value::Text(text) = &node.value else {
            return Err(self.wrong(node, key, &quoted, meaning));
        };
        match allowed.iter().find(|word| *word == text) {
            Some(word) => Ok(Some(word)),
            None => {
                let title = format!("`{key}` of {} cannot be \"{text}\"", self.name());
                let help = format!("`{key}`: {meaning}; {}", suggestion(text, allowed, "it may be"));
                Err(self.document.at_value(node, title, format!("expected {quoted}"), Some(help)))
            }
        }
    }

    /// One of several words, each with its value.
    pub fn one_of<T: Copy>(
        &self,
        key: &'static str,
        allowed: &[(&'static str, T)],
        meaning: &'static str,
    ) -> Read<T> {
        let words: Vec<&str> = allowed.iter().map(|(word, _)| *word).collect();
        let found = self.choice(key, &words, meaning)?;
        Ok(found.and_then(|found| allowed.iter().find(|(word, _)| *word == found)).map(|(_, value)| *value))
    }

    /// A list of texts.
    pub fn strings(&self, key: &'static str, meaning: &'static str) -> Read<Vec<String>> {
        self.list(key, "a list of texts", meaning, |node| match &node.value {
            Value::Text(text) if !text.is_empty() => Ok(text.clone()),
            _ => Err(self.wrong(node, key, "a text in quotes", meaning)),
        })
    }

    /// A list of whole numbers.
    pub fn integers(&self, key: &'static str, range: Range, meaning: &'static str) -> Read<Vec<u64>> {
        self.list(key, "a list of whole numbers", meaning, |node| self.to_integer(node, key, &range, meaning))
    }

    /// A list of numbers.
    pub fn number_list(&self, key: &'static str, range: Range, meaning: &'static str) -> Read<Vec<f64>> {
        self.list(key, "a list of numbers", meaning, |node| self.to_number(node, key, &range, meaning))
    }

    fn list<T>(
        &self,
        key: &'static str,
        expected: &str,
        meaning: &'static str,
        item: impl Fn(&Node) -> Result<T, Box<Diagnostic>>,
    ) -> Read<Vec<T>> {
        match self.value(key, expected, meaning)? {
            None => Ok(None),
            Some(Node { value: Value::List(items), .. }) => {
                items.iter().map(item).collect::<Result<_, _>>().map(Some)
            }
            Some(node) => Err(self.wrong(node, key, expected, meaning)),
        }
    }

    /// A table below this one; an absent one reads as empty.
    pub fn table(&self, key: &'static str) -> Result<Section<'a>, Box<Diagnostic>> {
        let node = self.find(key)?;
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        if let Some(node) = node
            && !matches!(node.value, Value::Table(_))
        {
            let title = format!("`{key}` must be a table, not {}", node.describe());
            return Err(self.document.at_value(
                node,
                title,
                format!("write [{path}] and keys below it"),
                None,
            ));
        }
        Ok(Section::new(self.document, path, node))
    }

    /// An array of tables, `[[key]]`.
    pub fn tables(&self, key: &'static str) -> Result<Vec<Section<'a>>, Box<Diagnostic>> {
        let Some(node) = self.find(key)? else { return Ok(Vec::new()) };
        let help = format!("each table begins with a line [[{key}]]");
        let Value::List(items) = &node.value else {
            let title = format!("`{key}` must be a list of tables, not {}", node.describe());
            return Err(self.document.at_key(node, title, format!("write [[{key}]]"), Some(help)));
        };
        let table = |(index, item): (usize, &'a Node)| {
            if !matches!(item.value, Value::Table(_)) {
                let title = format!("`{key}` must be a list of tables, not of {}", item.describe());
                return Err(self.document.at_value(item, title, "expected a table", Some(help.clone())));
            }
            Ok(Section::new(self.document, format!("{key} {}", index + 1), Some(item)))
        };
        items.iter().enumerate().map(table).collect()
    }

    /// A free table of names and numbers, in the order of the file. The caller checks the names.
    pub fn numbers(
        &self,
        except: &[&'static str],
        meaning: &str,
    ) -> Result<Vec<(String, f64)>, Box<Diagnostic>> {
        let Some(Node { value: Value::Table(entries), .. }) = self.node else { return Ok(Vec::new()) };
        entries
            .iter()
            .filter(|(key, _)| !except.contains(&key.as_str()))
            .map(|(key, node)| Ok((key.clone(), self.to_number(node, key, &Range::any(), meaning)?)))
            .collect()
    }

    /// All keys of the table with their texts.
    pub fn texts(&self, meaning: &str) -> Result<Vec<(String, String)>, Box<Diagnostic>> {
        let Some(Node { value: Value::Table(entries), .. }) = self.node else { return Ok(Vec::new()) };
        let text = |(key, node): &(String, Node)| match &node.value {
            Value::Text(text) => Ok((key.clone(), text.clone())),
            _ => Err(self.wrong(node, key, "a text in quotes", meaning)),
        };
        entries.iter().map(text).collect()
    }

    /// Everything in the table as plain TOML, for tables whose keys another program knows. Refuses dates and numbers that
    /// are not finite, because that program could not read them.
    pub fn contents(&self) -> Result<toml::Table, Box<Diagnostic>> {
        if let Some(node) = self.node {
            self.refuse_unreadable(node)?;
        }
        Ok(crate::document::to_toml(self.node))
    }

    fn refuse_unreadable(&self, node: &Node) -> Result<(), Box<Diagnostic>> {
        match &node.value {
            Value::Table(entries) => entries.iter().try_for_each(|(_, node)| self.refuse_unreadable(node)),
            Value::List(items) => items.iter().try_for_each(|node| self.refuse_unreadable(node)),
            Value::Float(value) if value.is_finite() => Ok(()),
            Value::Date | Value::Float(_) => {
                let title = format!("{} cannot hold {}", self.name(), node.describe());
                let label = "expected a text, a finite number, true or false, or a list or table of these";
                Err(self.document.at_value(node, title, label, None))
            }
            Value::Text(_) | Value::Integer(_) | Value::Boolean(_) => Ok(()),
        }
    }

    /// Whether the value of a key is a text.
    pub fn is_string(&self, key: &str) -> bool {
        self.node.and_then(|node| node.get(key)).is_some_and(|node| matches!(node.value, Value::Text(_)))
    }

    /// Whether the value of a key is `true` or `false`.
    pub fn is_boolean(&self, key: &str) -> bool {
        self.node.and_then(|node| node.get(key)).is_some_and(|node| matches!(node.value, Value::Boolean(_)))
    }

    /// Whether the value of a key is a list.
    pub fn is_list(&self, key: &str) -> bool {
        self.node.and_then(|node| node.get(key)).is_some_and(|node| matches!(node.value, Value::List(_)))
    }

    /// Whether the value of a key is a table.
    pub fn is_table(&self, key: &str) -> bool {
        self.node.and_then(|node| node.get(key)).is_some_and(|node| matches!(node.value, Value::Table(_)))
    }

    /// An error about a key's value, found by the caller; points at the table if the file lacks the key.
    pub fn error(&self, key: &str, title: &str, label: &str, help: &str) -> Box<Diagnostic> {
        let help = (!help.is_empty()).then(|| help.to_owned());
        match (self.node.and_then(|node| node.get(key)), self.node) {
            (Some(node), _) => self.document.at_value(node, title, label, help),
            (None, Some(node)) if !self.path.is_empty() => self.document.at_key(node, title, label, help),
            _ => self.document.at_file(title, label, help),
        }
    }

    /// An error about a key's name, found by the caller.
    pub fn error_at_key(&self, key: &str, title: &str, label: &str, help: &str) -> Box<Diagnostic> {
        match self.node.and_then(|node| node.get(key)) {
            Some(node) => {
                self.document.at_key(node, title, label, (!help.is_empty()).then(|| help.to_owned()))
            }
            None => self.error(key, title, label, help),
        }
    }

    /// An error about one entry of a list.
    pub fn error_in_list(
        &self,
        key: &str,
        index: usize,
        title: &str,
        label: &str,
        help: &str,
    ) -> Box<Diagnostic> {
        match self.node.and_then(|node| node.get(key)).map(|node| &node.value) {
            Some(Value::List(items)) if index < items.len() => self.document.at_value(
                &items[index],
                title,
                label,
                (!help.is_empty()).then(|| help.to_owned()),
            ),
            _ => self.error(key, title, label, help),
        }
    }

    /// Refuses a key that an earlier version read.
    pub fn refuse_removed(&self, key: &str, reason: &str) -> Result<(), Box<Diagnostic>> {
        if self.node.and_then(|node| node.get(key)).is_none() {
            return Ok(());
        }
        let title = format!("the key `{key}` of {} was removed", self.name());
        Err(self.error_at_key(key, &title, reason, "delete this line"))
    }

    /// Names of the tables in it, in the order of the file.
    pub fn table_names(&self) -> Vec<&'a str> {
        let Some(Node { value: Value::Table(entries), .. }) = self.node else { return Vec::new() };
        let tables = entries.iter().filter(|(_, node)| matches!(node.value, Value::Table(_)));
        tables.map(|(key, _)| key.as_str()).collect()
    }

    /// Refuses keys that no reader asked for.
    pub fn finish(&self) -> Result<(), Box<Diagnostic>> {
        self.refuse_unknown(|_| true)
    }

    /// Refuses keys that no reader asked for, and leaves tables to a reader that knows their names.
    pub fn finish_but_tables(&self) -> Result<(), Box<Diagnostic>> {
        self.refuse_unknown(|node| !matches!(node.value, Value::Table(_)))
    }

    fn refuse_unknown(&self, is_meant: impl Fn(&Node) -> bool) -> Result<(), Box<Diagnostic>> {
        let Some(Node { value: Value::Table(entries), .. }) = self.node else { return Ok(()) };
        let known = self.known.borrow();
        let is_unknown = |(key, node): &&(String, Node)| is_meant(node) && !known.contains(&key.as_str());
        match entries.iter().find(is_unknown) {
            None => Ok(()),
            Some((key, node)) => {
                let title = format!("unknown key `{key}` in {}", self.name());
                let near = crate::diagnostic::nearest(key, known.iter().copied());
                let label = near
                    .map_or("not a key of this table".to_owned(), |near| format!("did you mean `{near}`?"));
                let help = format!("keys here: {}", known.join(", "));
                Err(self.document.at_key(node, title, label, Some(help)))
            }
        }
    }
}
