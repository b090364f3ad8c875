pub fn glue(words: Vec<String>, between: String, times: i64) -> String {
    let mut all = Vec::new();
    for _ in 0..times {
        all.extend(words.iter().cloned());
    }
    all.join(&between)
}
