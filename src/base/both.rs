//! Two pieces of work that do not need each other. Whether they run at once is an argument, like time and chance: what comes out is the
//! same, and the rooms that must not start threads need not know of any.

/// One piece of work.
pub type Work<'w> = &'w mut (dyn FnMut() + Send);

/// Runs both pieces of work to their ends.
pub type Both<'b> = &'b (dyn Fn(Work<'_>, Work<'_>) + 'b);

/// On the thread that asks.
pub fn one_after_another(one: Work<'_>, other: Work<'_>) {
    one();
    other();
}
