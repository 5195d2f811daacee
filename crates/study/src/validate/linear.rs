//! Least squares with several targets at once, from sums of products: one pass over the rows, for any number of rows.

/// Sums over rows of x xᵀ and x yᵀ.
#[derive(Clone, Debug)]
pub struct Sums {
    inputs: usize,
    targets: usize,
    /// `[inputs, inputs]`
    products: Vec<f64>,
    /// `[inputs, targets]`
    moments: Vec<f64>,
}

impl Sums {
    /// For rows with these numbers of inputs (with a constant) and targets.
    pub fn new(inputs: usize, targets: usize) -> Self {
        Self { inputs, targets, products: vec![0.0; inputs * inputs], moments: vec![0.0; inputs * targets] }
    }

    /// Adds a row.
    pub fn add(&mut self, x: &[f64], y: &[f64]) {
        for (index, value) in x.iter().enumerate() {
            let products = &mut self.products[index * self.inputs..(index + 1) * self.inputs];
            products.iter_mut().zip(x).for_each(|(sum, other)| *sum += value * other);
            let moments = &mut self.moments[index * self.targets..(index + 1) * self.targets];
            moments.iter_mut().zip(y).for_each(|(sum, target)| *sum += value * target);
        }
    }

    /// Coefficients `[inputs, targets]` by Cholesky's method. A small ridge keeps columns that depend on each other
    /// harmless: it scales with the diagonal, so units do not matter.
    pub fn solve(&self) -> Vec<f64> {
        let n = self.inputs;
        let mut lower = self.products.clone();
        for index in 0..n {
            let diagonal = &mut lower[index * n + index];
            *diagonal += 1e-9 * *diagonal + 1e-12;
        }
        for row in 0..n {
            for column in 0..=row {
                let dot: f64 = (0..column).map(|k| lower[row * n + k] * lower[column * n + k]).sum();
                let rest = lower[row * n + column] - dot;
                lower[row * n + column] =
                    if row == column { rest.max(1e-12).sqrt() } else { rest / lower[column * n + column] };
            }
        }
        let mut solution = self.moments.clone();
        for target in 0..self.targets {
            let at = |index: usize| index * self.targets + target;
            for row in 0..n {
                let dot: f64 = (0..row).map(|k| lower[row * n + k] * solution[at(k)]).sum();
                solution[at(row)] = (solution[at(row)] - dot) / lower[row * n + row];
            }
            for row in (0..n).rev() {
                let dot: f64 = (row + 1..n).map(|k| lower[k * n + row] * solution[at(k)]).sum();
                solution[at(row)] = (solution[at(row)] - dot) / lower[row * n + row];
            }
        }
        solution
    }
}

/// The prediction of linear coefficients for a row, for one target.
pub fn predict(coefficients: &[f64], targets: usize, x: &[f64], target: usize) -> f64 {
    x.iter().enumerate().map(|(index, value)| value * coefficients[index * targets + target]).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_is_found_and_a_column_twice_does_no_harm() {
        let mut sums = Sums::new(4, 2);
        for index in 0..50 {
            let (a, b) = (f64::from(index % 7), f64::from(index % 5));
            sums.add(&[1.0, a, b, a], &[3.0 + 2.0 * a - b, 5.0 * b]);
        }
        let found = sums.solve();
        for (a, b) in [(10.0, -4.0), (0.0, 0.0), (3.0, 8.0)] {
            let x = [1.0, a, b, a];
            assert!((predict(&found, 2, &x, 0) - (3.0 + 2.0 * a - b)).abs() < 1e-4, "{found:?}");
            assert!((predict(&found, 2, &x, 1) - 5.0 * b).abs() < 1e-4, "{found:?}");
        }
    }
}
