//! What services tell that a human must look at: errors in the log, and panics. In a simulation each is a broken promise.

use std::{cell::RefCell, panic, sync::Once};

use tracing::{Event, Level, Subscriber, subscriber::DefaultGuard};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
};

thread_local! {
    static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// What a pagestore rightly tells where registrations failed and objects were stored all the same, as in the worst storms.
const EXPECTED: &str = "the catalog does not know most of the objects in the store";

static HOOK: Once = Once::new();

fn tell(text: String) {
    TOLD.with_borrow_mut(|told| told.push(text));
}

/// Listens on this thread until the guard is dropped.
pub(crate) fn listen() -> DefaultGuard {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            tell(info.to_string());
            before(info);
        }));
    });
    TOLD.with_borrow_mut(Vec::clear);
    let listener =
        tracing_subscriber::registry().with(Errors.with_filter(tracing_subscriber::filter::LevelFilter::ERROR));
    tracing::subscriber::set_default(listener)
}

/// The first error that was told on this thread.
pub(crate) fn first() -> Option<String> {
    TOLD.with_borrow_mut(|told| if told.is_empty() { None } else { Some(told.remove(0)) })
}

struct Errors;

impl<S: Subscriber> Layer<S> for Errors {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == Level::ERROR {
            let mut text = Text(String::new());
            event.record(&mut text);
            if !text.0.contains(EXPECTED) {
                tell(text.0);
            }
        }
    }
}

struct Text(String);

impl tracing::field::Visit for Text {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{field}: {value:?} "));
    }
}
