//! Small dense matrices: what the regressions and chains here need, and no more.
//!
//! Rows are stored one after the other. Sizes are tens to a few hundred columns, so plain loops over contiguous
//! rows are fast enough and their rounding is the same on every machine.

/// A dense matrix of `rows` × `columns`, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    /// Exactly `rows * columns` numbers.
    pub data: Vec<f64>,
}

impl Matrix {
    /// All zeros.
    pub fn zeros(rows: usize, columns: usize) -> Matrix {
        Matrix { rows, columns, data: vec![0.0; rows * columns] }
    }

    /// Ones on the diagonal.
    pub fn identity(size: usize) -> Matrix {
        let mut matrix = Matrix::zeros(size, size);
        for i in 0..size {
            matrix.data[i * size + i] = 1.0;
        }
        matrix
    }

    /// From rows of equal length; `None` when they differ in length.
    pub fn from_rows(rows: &[Vec<f64>]) -> Option<Matrix> {
        let columns = rows.first().map_or(0, Vec::len);
        rows.iter().all(|row| row.len() == columns).then(|| Matrix { rows: rows.len(), columns, data: rows.concat() })
    }

    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.data[row * self.columns + column]
    }

    pub fn at_mut(&mut self, row: usize, column: usize) -> &mut f64 {
        &mut self.data[row * self.columns + column]
    }

    pub fn row(&self, row: usize) -> &[f64] {
        &self.data[row * self.columns..(row + 1) * self.columns]
    }

    /// `self · vector`.
    pub fn times(&self, vector: &[f64]) -> Vec<f64> {
        (0..self.rows).map(|row| dot(self.row(row), vector)).collect()
    }
}

/// The sum of products of two equally long slices.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Solves `a · x = b` for all columns of `b` at once by Gauss–Jordan elimination with partial pivoting
/// (Golub and Van Loan, Matrix Computations, §3.4). `None` when `a` is singular or the shapes do not fit.
pub fn solve(a: &Matrix, b: &Matrix) -> Option<Matrix> {
    if a.rows != a.columns || a.rows != b.rows {
        return None;
    }
    let (n, m) = (a.rows, b.columns);
    let width = n + m;
    let mut work = vec![0.0; n * width];
    for row in 0..n {
        work[row * width..row * width + n].copy_from_slice(a.row(row));
        work[row * width + n..(row + 1) * width].copy_from_slice(b.row(row));
    }
    for column in 0..n {
        let pivot = (column..n).max_by(|&i, &j| work[i * width + column].abs().total_cmp(&work[j * width + column].abs()))?;
        let size = work[pivot * width + column];
        if size == 0.0 || !size.is_finite() {
            return None;
        }
        if pivot != column {
            for k in column..width {
                work.swap(pivot * width + k, column * width + k);
            }
        }
        let pivot_row: Vec<f64> = work[column * width + column..(column + 1) * width].iter().map(|x| x / size).collect();
        for row in 0..n {
            let factor = work[row * width + column];
            if row == column || factor == 0.0 {
                continue;
            }
            for (target, source) in work[row * width + column..(row + 1) * width].iter_mut().zip(&pivot_row) {
                *target -= factor * source;
            }
        }
        work[column * width + column..(column + 1) * width].copy_from_slice(&pivot_row);
    }
    let mut x = Matrix::zeros(n, m);
    for row in 0..n {
        x.data[row * m..(row + 1) * m].copy_from_slice(&work[row * width + n..(row + 1) * width]);
    }
    Some(x)
}

/// The lower triangle `L` with `L · Lᵀ = a`; `None` when `a` is not symmetric positive definite.
pub fn cholesky(a: &Matrix) -> Option<Matrix> {
    let n = a.rows;
    if a.columns != n {
        return None;
    }
    let mut lower = Matrix::zeros(n, n);
    for i in 0..n {
        for j in 0..=i {
            let sum = a.at(i, j) - dot(&lower.row(i)[..j], &lower.row(j)[..j]);
            if i == j {
                if sum.is_nan() || sum <= 0.0 {
                    return None;
                }
                *lower.at_mut(i, i) = sum.sqrt();
            } else {
                *lower.at_mut(i, j) = sum / lower.at(j, j);
            }
        }
    }
    Some(lower)
}

/// Solves `L · Lᵀ · x = b` for one right-hand side.
pub fn cholesky_solve(lower: &Matrix, b: &[f64]) -> Vec<f64> {
    let n = lower.rows;
    let mut x = b.to_vec();
    for i in 0..n {
        x[i] = (x[i] - dot(&lower.row(i)[..i], &x[..i])) / lower.at(i, i);
    }
    for i in (0..n).rev() {
        let below: f64 = (i + 1..n).map(|k| lower.at(k, i) * x[k]).sum();
        x[i] = (x[i] - below) / lower.at(i, i);
    }
    x
}

/// The inverse of a symmetric positive definite matrix, from its Cholesky factor.
pub fn cholesky_inverse(lower: &Matrix) -> Matrix {
    let n = lower.rows;
    let mut inverse = Matrix::zeros(n, n);
    let mut unit = vec![0.0; n];
    for column in 0..n {
        unit[column] = 1.0;
        for (row, value) in cholesky_solve(lower, &unit).into_iter().enumerate() {
            *inverse.at_mut(row, column) = value;
        }
        unit[column] = 0.0;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elimination_solves_what_needs_a_row_swap() {
        let a = Matrix::from_rows(&[vec![0.0, 2.0], vec![1.0, 1.0]]).unwrap();
        let b = Matrix::from_rows(&[vec![4.0], vec![5.0]]).unwrap();
        assert_eq!(solve(&a, &b).unwrap().data, [3.0, 2.0]);
    }

    #[test]
    fn a_singular_matrix_has_no_solution() {
        let a = Matrix::from_rows(&[vec![1.0, 2.0], vec![2.0, 4.0]]).unwrap();
        assert!(solve(&a, &Matrix::identity(2)).is_none());
        assert!(cholesky(&Matrix::from_rows(&[vec![1.0, 2.0], vec![2.0, 1.0]]).unwrap()).is_none());
    }

    // The textbook example of the Cholesky article in Wikipedia: L = [[2,0,0],[6,1,0],[-8,5,3]].
    #[test]
    fn cholesky_of_the_textbook_example() {
        let a = Matrix::from_rows(&[vec![4.0, 12.0, -16.0], vec![12.0, 37.0, -43.0], vec![-16.0, -43.0, 98.0]]).unwrap();
        let lower = cholesky(&a).unwrap();
        assert_eq!(lower.data, [2.0, 0.0, 0.0, 6.0, 1.0, 0.0, -8.0, 5.0, 3.0]);
        let inverse = cholesky_inverse(&lower);
        for i in 0..3 {
            let product = a.times(&(0..3).map(|k| inverse.at(k, i)).collect::<Vec<_>>());
            assert!((0..3).all(|j| (product[j] - f64::from(u8::from(i == j))).abs() < 1e-10));
        }
    }
}
