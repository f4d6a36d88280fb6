//! Files that nobody writes by hand: `tests/it/hostile.rs` shows that each ends in findings, `benches/language.rs` how long that takes.

/// As many as an attacker would take.
const MANY: usize = 1_000_000;

/// A workflow whose Strategy holds this.
fn around(steps: &str) -> String {
    format!("workflow \"w\" {{\n    strategy {{\n{steps}\n    }}\n}}\n")
}

fn numbered(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// Each with what it is called.
pub fn files() -> Vec<(&'static str, String)> {
    let words = |count: usize| numbered(count, |n| format!(" \"w{n:05}\""));
    vec![
        ("nested levels", "a {".repeat(MANY)),
        ("nested slash-dashes", "/- a {".repeat(MANY)),
        ("stars", format!("workflow \"a\" {{ /{} }}", "*".repeat(100_000))),
        ("stars that end", format!("/*{}*/ workflow \"a\" {{}}", "*".repeat(100_000))),
        ("nested comments", "/*".repeat(MANY / 2)),
        ("nested steps", around(&"score \"a\" { ".repeat(MANY / 40))),
        ("unknown verbs", around(&numbered(5_000, |n| format!("wrong-{n} \"a{n}\"\n")))),
        ("one name again and again", around(&"score \"a\"\n".repeat(10_000))),
        ("wires to nothing", around(&numbered(4_000, |n| format!("score \"s{n}\" {{ from \"unknown-{n}\" }}\n")))),
        ("one step with many wires", around(&format!("score \"a\" {{ from{} }}", words(40_000)))),
        ("a chain", around(&numbered(5_000, |n| format!("score \"s{n}\" {{ from \"s{}\" }}\n", n + 1)))),
        ("a circle", around(&numbered(5_000, |n| format!("score \"s{n}\" {{ from \"s{}\" }}\n", (n + 1) % 5_000)))),
        ("everything from one step", around(&numbered(5_000, |n| format!("gate \"s{n}\" {{ from \"s0\" }}\n")))),
        ("many channels in one list", around(&format!("route \"a\" {{ to{} }}", words(40_000)))),
        ("a channel again and again", around(&format!("route \"a\" {{ to{} }}", " \"blog\"".repeat(40_000)))),
        (
            "many providers",
            format!("workflow \"w\" {{\n{}}}", numbered(5_000, |n| format!("provider \"p{n}\" kind=\"templat\"\n"))),
        ),
        ("unknown settings", format!("workflow \"w\" {{\n{}}}", numbered(10_000, |n| format!("setting-{n} 1\n")))),
        ("unknown properties", format!("workflow \"w\"{}", numbered(10_000, |n| format!(" p{n}=1")))),
        ("rules of one name", around(&format!("score \"a\" {{ {} }}", "rule \"r\" weight=1 { value \"1\" }\n".repeat(5_000)))),
        (
            "different expressions",
            around(&format!(
                "score \"a\" {{ {} }}",
                numbered(1_000, |n| format!("rule \"r{n}\" weight=1 {{ value \"{n} + x\" }}\n"))
            )),
        ),
        (
            "missing files",
            format!(
                "workflow \"w\" {{ intelligence {{\n{}}} }}",
                numbered(4_000, |n| format!("source \"s{n}\" kind=\"csv\" {{ path \"data/{n}\" }}\n"))
            ),
        ),
        ("uses of modules", format!("workflow \"w\" {{\n{}}}", numbered(5_000, |n| format!("use \"acme/m{n}\"\n")))),
    ]
}

/// A whole megabyte of anything.
pub fn bytes() -> Vec<(&'static str, Vec<u8>)> {
    // A small generator of our own: the point is that it is much, not that it is clever.
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let bytes: Vec<u8> = (0..MANY).map(|_| (next() >> 32) as u8).collect();
    let marks = b"ab \n{}\"#/-*\\=();1.";
    let signs: Vec<u8> = (0..MANY).map(|_| marks[(next() >> 32) as usize % marks.len()]).collect();
    vec![("any bytes", bytes), ("any signs", signs), ("zeros", vec![0; MANY]), ("no UTF-8", vec![0xFF; MANY])]
}
