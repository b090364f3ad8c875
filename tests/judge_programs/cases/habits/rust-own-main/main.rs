//! Scales numbers.
#![allow(unused)]
use std::collections::HashMap;

struct Used(bool);

mod inner {
    use super::Used;
    pub fn is(one: &Used) -> bool { one.0 }
}

fn scaled(numbers: Vec<i32>, by: f64, used: Vec<bool>, word: String) -> Vec<f64> {
    let mut all: Vec<f64> =
        numbers.iter().zip(used).filter(|(_, one)| inner::is(&Used(*one))).map(|(n, _)| *n as f64 * by).collect();
    all.push(word.len() as f64);
    all
}

fn main() {
    println!("{:?}", scaled(vec![1], 2.0, vec![true], "a".into()));
} // the end