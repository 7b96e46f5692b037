//! The seam between what is asked of counters and the database that has them.

use std::sync::Arc;

use crate::counters::{Recovered, Standing};
use crate::quota::{Cell, Demand, Reservation, Reserve, Usage};
use crate::{Connect, Error, Postgres};

/// Where counters are kept.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum QuotaStore {
    /// In the file of the ledger: one gateway has them for itself.
    #[default]
    Sqlite,
    /// In a database that several gateways of one organisation share.
    Postgres(Box<Postgres>),
}

impl QuotaStore {
    /// Reads `sqlite`, or the URL of a database (`postgres://…`, `postgresql://…`).
    ///
    /// # Errors
    /// [`Error::StoreAddress`]: what is wrong, without a word of the text itself, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text == "sqlite" {
            return Ok(Self::Sqlite);
        }
        Ok(Self::Postgres(Box::new(Postgres::parse(text)?)))
    }

    /// Uses `password` where the URL has none, and names no file of one.
    #[must_use]
    pub fn or_password(self, password: Option<&str>) -> Self {
        match self {
            Self::Sqlite => Self::Sqlite,
            Self::Postgres(postgres) => Self::Postgres(Box::new(postgres.or_password(password))),
        }
    }

    /// Has connections to a database opened by somebody else; see [`Postgres::through`].
    #[must_use]
    pub fn through(self, connect: Arc<dyn Connect>) -> Self {
        match self {
            Self::Sqlite => Self::Sqlite,
            Self::Postgres(postgres) => Self::Postgres(Box::new(postgres.through(connect))),
        }
    }

    /// What may be said of it: `sqlite`, or `postgres HOST/DATABASE`. Never a password.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite => "sqlite".to_owned(),
            Self::Postgres(postgres) => format!("postgres {}", postgres.place()),
        }
    }
}

/// What a database has to do with counters. Every method blocks until what it did is durable.
pub(crate) trait CounterStore: Send + Sync {
    /// Reserves for all demands or for none.
    fn reserve(&self, demands: &[Demand], now_ms: i64) -> Result<Reserve, Error>;

    /// Ends a reservation: with `Some` tokens taken, or with nothing taken at all.
    fn give_back(&self, reservation: Reservation, taken: Option<u64>) -> Result<(), Error>;

    /// What each counter holds in its window, in the order asked.
    fn read(&self, cells: Vec<Cell>) -> Result<Vec<Usage>, Error>;

    /// All counters, in order.
    fn standings(&self) -> Result<Vec<Standing>, Error>;

    /// Forgets windows long past and puts `standings` in the place of what this gateway has counted; how many differ.
    fn replace(&self, standings: Vec<Standing>, now_ms: i64) -> Result<usize, Error>;

    /// Forgets windows long past.
    fn prune(&self, now_ms: i64) -> Result<(), Error>;

    /// Takes `now_ms` for the latest moment.
    fn accept_clock(&self, now_ms: i64) -> Result<(), Error>;
}

/// A store that was opened, and what was found in it.
pub(crate) struct Opened {
    pub(crate) store: Box<dyn CounterStore>,
    pub(crate) recovered: Recovered,
    pub(crate) latest_ms: Option<i64>,
}
