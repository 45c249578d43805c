//! Is an answer the whole of what was asked for? Told from its head and the length of its body, without I/O.

use std::ops::Range;

/// Longest body of an answer that is no object and does not say how long it is.
const UNDECLARED_MAX: u64 = 16 * 1024 * 1024;

/// An answer that does not fit its question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AnswerError {
    /// The answer was damaged on its way: asked again, it may be whole.
    #[error("the store sent {got} bytes of an answer of {expected}")]
    Incomplete { expected: u64, got: u64 },
    #[error("the store sent more than the {0} bytes that were asked for")]
    TooLong(u64),
    #[error("the store was asked for the bytes from {asked} on, and sent those from {sent} on")]
    OtherRange { asked: u64, sent: u64 },
    #[error("the store told no length")]
    NoLength,
    #[error("the store cut the list off and did not say how to go on")]
    NoContinuation,
}

/// What an answer says of itself.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) is_success: bool,
    pub(super) content_length: Option<u64>,
    pub(super) content_range: Option<&'a str>,
}

/// How much an answer may and must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extent {
    /// Longer bodies are not read.
    pub(super) max: u64,
    /// The answer is that long, where that is known.
    exact: Option<u64>,
}

impl Extent {
    /// What the answer to a request with this `Range` header should hold.
    pub(super) fn of(range: Option<&str>, head: Head<'_>) -> Result<Self, AnswerError> {
        let asked = range.and_then(parse_range).filter(|_| head.is_success);
        let Some(asked) = asked else {
            return Ok(Self { max: head.content_length.unwrap_or(UNDECLARED_MAX), exact: head.content_length });
        };
        let max = asked.end - asked.start;
        let Some((sent, total)) = head.content_range.and_then(parse_content_range) else {
            // A store that knows no ranges sends the whole object, which is only right from its beginning on.
            return match asked.start {
                0 => Ok(Self { max, exact: head.content_length }),
                start => Err(AnswerError::OtherRange { asked: start, sent: 0 }),
            };
        };
        if sent.start != asked.start {
            return Err(AnswerError::OtherRange { asked: asked.start, sent: sent.start });
        }
        // Only the end of the object may end a range early.
        let exact = total.map_or(sent.end, |total| asked.end.min(total)) - asked.start;
        Ok(Self { max, exact: Some(exact) })
    }

    /// Is a body of this length whole?
    pub(super) fn check(&self, got: u64) -> Result<(), AnswerError> {
        match self.exact {
            _ if got > self.max => Err(AnswerError::TooLong(self.max)),
            Some(expected) if got < expected => Err(AnswerError::Incomplete { expected, got }),
            _ => Ok(()),
        }
    }
}

/// `bytes=0-99`, the one form that we send.
fn parse_range(text: &str) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let range = first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?;
    (range.start < range.end).then_some(range)
}

/// `bytes 0-99/5000`, or `*` for a length that is not known.
fn parse_content_range(text: &str) -> Option<(Range<u64>, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let range = parse_range(&format!("bytes={range}"))?;
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok().filter(|total| range.end <= *total)?),
    };
    Some((range, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(range: &str, content_range: Option<&str>, content_length: u64) -> Result<(), AnswerError> {
        let head = Head { is_success: true, content_length: Some(content_length), content_range };
        Extent::of(Some(range), head).and_then(|extent| extent.check(content_length))
    }

    #[test]
    fn a_range_is_whole_when_it_ends_where_it_should_or_with_its_object() {
        assert_eq!(answered("bytes=100-199", Some("bytes 100-199/5000"), 100), Ok(()));
        assert_eq!(answered("bytes=100-199", Some("bytes 100-149/150"), 50), Ok(()));
        assert_eq!(answered("bytes=100-199", Some("bytes 100-199/*"), 100), Ok(()));
    }

    #[test]
    fn a_range_that_ends_before_is_incomplete() {
        let incomplete = |got| Err(AnswerError::Incomplete { expected: 100, got });
        assert_eq!(answered("bytes=100-199", Some("bytes 100-199/5000"), 50), incomplete(50));
        assert_eq!(answered("bytes=100-199", Some("bytes 100-149/5000"), 50), incomplete(50));
        assert_eq!(answered("bytes=100-199", Some("bytes 100-199/*"), 0), incomplete(0));
    }

    #[test]
    fn bytes_of_another_place_are_not_taken() {
        let sent = |sent| Err(AnswerError::OtherRange { asked: 100, sent });
        assert_eq!(answered("bytes=100-199", Some("bytes 0-99/5000"), 100), sent(0));
        assert_eq!(answered("bytes=100-199", Some("bytes 200-299/5000"), 100), sent(200));
        for nonsense in [None, Some("bytes 199-100/5000"), Some("bytes 100-199/150"), Some("pages 1-2/3"), Some("")] {
            assert_eq!(answered("bytes=100-199", nonsense, 100), sent(0), "{nonsense:?}");
        }
    }

    #[test]
    fn a_store_without_ranges_may_be_right_from_the_beginning_on() {
        assert_eq!(answered("bytes=0-99", None, 100), Ok(()));
        assert_eq!(answered("bytes=0-99", None, 50), Ok(()));
        assert_eq!(answered("bytes=0-99", None, 5000), Err(AnswerError::TooLong(100)));
    }

    #[test]
    fn other_answers_are_as_long_as_they_say() {
        let whole = |content_length| Extent::of(None, Head { is_success: true, content_length, content_range: None });
        assert_eq!(whole(Some(5)).unwrap().check(5), Ok(()));
        assert_eq!(whole(Some(5)).unwrap().check(4), Err(AnswerError::Incomplete { expected: 5, got: 4 }));
        assert_eq!(whole(None).unwrap().check(4), Ok(()));
        assert_eq!(whole(None).unwrap().check(UNDECLARED_MAX + 1), Err(AnswerError::TooLong(UNDECLARED_MAX)));
        let refused = Head { is_success: false, content_length: Some(300), content_range: None };
        assert_eq!(Extent::of(Some("bytes=0-99"), refused).unwrap().check(300), Ok(()));
    }
}
