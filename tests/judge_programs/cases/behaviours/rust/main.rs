use std::io::Read;

#[allow(unconditional_recursion)]
fn deep(n: u64) -> u64 {
    let frame = std::hint::black_box([n; 100]);
    1 + deep(n + 1) + frame[(n % 100) as usize]
}

fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[0] {
        "answer" => println!("{}", words[1..].iter().map(|one| one.parse::<i64>().unwrap()).sum::<i64>()),
        "wrong" => println!("41"),
        "loop" => loop {
            std::hint::black_box(0);
        },
        "memory" => {
            let mut kept = Vec::new();
            loop {
                kept.push(std::hint::black_box(vec![1u8; 1 << 20]));
            }
        }
        "crash" => println!("{}", words[words.len()]),
        _ => println!("{}", deep(0)),
    }
}
