//! Images and sets of points between NumPy and native code: a flat array for each part, and for a set of points a second one,
//! of its counts.

use numpy::{Element, IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use setpoint_decision::spec::{TensorForm, TensorPart};
use setpoint_process::tensors::{TensorRows, TensorValues};
use setpoint_process::vectorized::Transition;

/// The parts of the present observations. With `last`, an episode that has just ended has its last observation in the place
/// of the next one's first.
pub fn shown(parts: &[TensorPart], transition: &Transition, last: bool) -> Vec<TensorValues> {
    let mut rows = transition.tensors.clone();
    if last {
        for (lane, _) in transition.outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_over()) {
            let pairs = rows.iter_mut().zip(&transition.final_tensors);
            pairs.for_each(|(rows, finals)| rows.copy_rows(lane, finals, lane, 1));
        }
    }
    let mut values: Vec<TensorValues> = rows.into_iter().map(TensorRows::into_values).collect();
    parts.iter().zip(&mut values).for_each(|(part, values)| clear_leftovers(part.form, values));
    values
}

/// Points from the count on mean nothing: as zeros, equal observations are equal arrays.
fn clear_leftovers(form: TensorForm, values: &mut TensorValues) {
    let (TensorForm::Points { dimensions, .. }, TensorValues::Points { numbers, counts }) = (form, values)
    else {
        return;
    };
    for (points, count) in numbers.chunks_exact_mut(form.numbers()).zip(counts) {
        points[*count as usize * dimensions..].fill(0.0);
    }
}

/// Hands them to NumPy without another copy.
pub fn to_arrays(py: Python<'_>, parts: Vec<TensorValues>) -> Vec<Bound<'_, PyAny>> {
    let mut arrays = Vec::new();
    for values in parts {
        match values {
            TensorValues::Bytes(bytes) => arrays.push(bytes.into_pyarray(py).into_any()),
            TensorValues::Numbers(numbers) => arrays.push(numbers.into_pyarray(py).into_any()),
            TensorValues::Points { numbers, counts } => {
                arrays.push(numbers.into_pyarray(py).into_any());
                arrays.push(counts.into_pyarray(py).into_any());
            }
        }
    }
    arrays
}

/// Rows of each part from the arrays of Python, checked: types, lengths, finite numbers, possible counts.
///
/// Without features (`rows` is absent) the first part tells the number of rows, at least one.
pub fn from_arrays(
    parts: &[TensorPart],
    arrays: &[Bound<'_, PyAny>],
    rows: Option<usize>,
) -> PyResult<(Vec<TensorRows>, Option<usize>)> {
    let expected: usize = parts.iter().map(|part| 1 + usize::from(has_counts(part))).sum();
    if arrays.len() != expected {
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        let what = format!(
            "{} arrays were given for the tensors {}, expected {expected}",
            arrays.len(),
            names.join(", ")
        );
        return Err(PyValueError::new_err(what));
    }
    let (mut all, mut rows, mut arrays) = (Vec::new(), rows, arrays.iter());
    let mut next = || arrays.next().expect("counted above");
    for part in parts {
        let values = match part.form {
            TensorForm::Image { .. } => TensorValues::Bytes(flat(part, next())?),
            TensorForm::NumberImage { .. } => TensorValues::Numbers(flat(part, next())?),
            TensorForm::Points { .. } => {
                TensorValues::Points { numbers: flat(part, next())?, counts: flat(part, next())? }
            }
        };
        check(part, &values, &mut rows)?;
        all.push(TensorRows::from_values(part.form, values));
    }
    Ok((all, rows))
}

fn has_counts(part: &TensorPart) -> bool {
    matches!(part.form, TensorForm::Points { .. })
}

fn flat<T: Element + Copy>(part: &TensorPart, array: &Bound<'_, PyAny>) -> PyResult<Vec<T>> {
    let Ok(array) = array.cast::<PyArray1<T>>() else {
        let what = format!("`{}` was given an array of another type, expected {}", part.name, part.form);
        return Err(PyTypeError::new_err(what));
    };
    Ok(array.try_readonly()?.as_slice()?.to_vec())
}

/// Checks the values of a part; the first part tells the number of rows, if nothing did before.
fn check(part: &TensorPart, values: &TensorValues, rows: &mut Option<usize>) -> PyResult<()> {
    let (name, width) = (&part.name, part.form.numbers());
    let (length, numbers) = match values {
        TensorValues::Bytes(bytes) => (bytes.len(), [].as_slice()),
        TensorValues::Numbers(numbers) | TensorValues::Points { numbers, .. } => {
            (numbers.len(), numbers.as_slice())
        }
    };
    let rows = *rows.get_or_insert(length / width.max(1));
    let whole = match values {
        TensorValues::Points { counts, .. } => counts.len() == rows,
        TensorValues::Bytes(_) | TensorValues::Numbers(_) => true,
    };
    if rows == 0 || length != rows * width || !whole {
        let what =
            format!("`{name}` was given {length} numbers, expected {} for each observation", part.form);
        return Err(PyValueError::new_err(what));
    }
    if let Some(index) = numbers.iter().position(|value| !value.is_finite()) {
        return Err(PyValueError::new_err(format!(
            "`{name}` of observation {} is not finite",
            index / width
        )));
    }
    let TensorForm::Points { points, .. } = part.form else { return Ok(()) };
    let TensorValues::Points { counts, .. } = values else { return Ok(()) };
    match counts.iter().position(|count| *count as usize > points) {
        None => Ok(()),
        Some(row) => {
            let what = format!("`{name}` of observation {row} has {} points, at most {points}", counts[row]);
            Err(PyValueError::new_err(what))
        }
    }
}
