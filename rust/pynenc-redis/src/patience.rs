//! How long a caller is ready to wait: asked now and then by whatever blocks on its thread.
//!
//! A call that goes to the server may take as long as an outage, and whoever calls may want to look up meanwhile (an
//! interpreter looks for Ctrl-C on its main thread). It says so [`with`] a question; everything below that sleeps,
//! for a reply, for its turn or before the next attempt, sleeps for [`SLICE`] at the most and then asks
//! [`is_over`]. If so it returns [`crate::error::RedisError::Interrupted`]. A thread that leads a pipeline then
//! leaves it in order first: a reply that nobody will read must not be taken for another's.

use std::cell::RefCell;
use std::time::Duration;

/// How long a sleeper may go without asking.
pub const SLICE: Duration = Duration::from_millis(50);

type Question = Box<dyn FnMut() -> bool>;

thread_local! {
    static QUESTION: RefCell<Option<Question>> = const { RefCell::new(None) };
}

/// Do `work`; what sleeps on this thread meanwhile gives up as soon as `is_over` says so.
pub fn with<T>(is_over: impl FnMut() -> bool + 'static, work: impl FnOnce() -> T) -> T {
    /// Puts the question of the outer call back, even past a panic.
    struct Outer(Option<Question>);
    impl Drop for Outer {
        fn drop(&mut self) {
            QUESTION.set(self.0.take());
        }
    }
    let _outer = Outer(QUESTION.replace(Some(Box::new(is_over))));
    work()
}

/// Whether somebody asks to be asked on this thread: then no sleep may be longer than [`SLICE`].
#[must_use]
pub fn is_limited() -> bool {
    QUESTION.with_borrow(Option::is_some)
}

/// Whether the caller on this thread has had enough.
#[must_use]
pub fn is_over() -> bool {
    // Taken out while it is asked: what it runs may wait for the server itself.
    let Some(mut question) = QUESTION.take() else { return false };
    let over = question();
    QUESTION.set(Some(question));
    over
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn nobody_asks_unless_told_to() {
        assert!(!is_limited());
        assert!(!is_over());
    }

    #[test]
    fn the_question_is_asked_each_time_and_forgotten_afterwards() {
        let asked = Rc::new(Cell::new(0));
        let count = Rc::clone(&asked);
        let question = move || {
            count.set(count.get() + 1);
            count.get() > 1
        };
        let answers = with(question, || (is_limited(), is_over(), is_over()));
        assert_eq!(answers, (true, false, true));
        assert_eq!(asked.get(), 2);
        assert!(!is_limited());
    }

    #[test]
    fn an_inner_question_gives_way_to_the_outer_one() {
        let answers = with(|| true, || (with(|| false, is_over), is_over()));
        assert_eq!(answers, (false, true));
    }
}
