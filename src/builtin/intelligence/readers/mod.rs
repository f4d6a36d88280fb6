//! Parsers of single formats: bytes in, plain values out. The kinds decide what the values mean.

pub mod feed;
