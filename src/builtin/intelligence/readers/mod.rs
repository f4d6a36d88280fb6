//! Parsers of single formats: bytes in, plain values out. The kinds decide what the values mean.

pub mod event_log;
pub mod feed;
pub mod identity;
pub mod page;
pub mod prices;
pub mod series;
pub mod shape;
pub mod sitemap;
pub mod transcript;
pub mod wide;
