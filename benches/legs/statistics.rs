//! What many values come to. Serves `benches/quality` too.

/// The value that so many of 100 do not exceed.
pub fn percentile(values: impl Iterator<Item = f64>, percent: usize) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get((values.len().saturating_sub(1) * percent).div_ceil(100)).copied()
}
