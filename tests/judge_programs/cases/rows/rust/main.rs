fn total(rows: Vec<Vec<i32>>) -> Vec<i64> {
    rows.iter().map(|row| row.iter().map(|one| *one as i64).sum()).collect()
}
