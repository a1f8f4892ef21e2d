//! Tries the floors and the load clients: `credentials DIR`, `floor tls|ssh ADDR DIR OCTETS`,
//! `load tls|ssh ADDR DIR COUNT OCTETS ROUNDS`.

mod credentials;
mod floor;
mod load;

use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rtrcast-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<(), String> {
    match words {
        ["credentials", directory] => credentials::write(Path::new(directory)),
        ["floor", way, addr, directory, octets] => {
            let listener = TcpListener::bind(addr).map_err(|error| error.to_string())?;
            let response = response(number(octets)?);
            match *way {
                "tls" => floor::tls::serve(listener, response, Path::new(directory)),
                _ => floor::ssh::serve(listener, response, Path::new(directory)),
            }
        }
        ["load", way, addr, directory, count, octets, rounds] => {
            let addr = addr.parse().map_err(|error| format!("{addr}: {error}"))?;
            let (count, octets, directory) = (number(count)?, number(octets)? as u64, Path::new(directory));
            for _ in 0..number(rounds)? {
                let took = if *way == "tls" {
                    let mut clients = load::tls::Clients::connect(addr, count, directory)?;
                    clients.synchronise(octets)?
                } else {
                    load::ssh::Clients::connect(addr, count, directory)?.synchronise(octets)?
                };
                println!("{:.1}", took.as_secs_f64() * 1000.0);
            }
            Ok(())
        }
        _ => Err("what?".to_owned()),
    }
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

fn response(octets: usize) -> Arc<[u8]> {
    let mut response = vec![0; octets - 24];
    response.extend([1, 7, 0, 1, 0, 0, 0, 24, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]);
    response.into()
}
