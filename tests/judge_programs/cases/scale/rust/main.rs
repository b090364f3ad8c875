use std::collections::VecDeque;

fn scale(values: Vec<f64>, factor: i32, flip: bool) -> Vec<f64> {
    println!("a print disturbs nothing");
    let scaled: VecDeque<f64> = values.iter().map(|value| value * factor as f64).collect();
    if flip { scaled.into_iter().rev().collect() } else { scaled.into() }
}
