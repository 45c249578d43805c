//! Tests of what is remembered of a volume.

use rand::SeedableRng as _;

use super::*;

fn lsn(number: u64) -> Lsn {
    Lsn::new(number).unwrap()
}

fn push(seed: u64) -> Push {
    Push { page_count: PageCount::new(1), pages: BTreeMap::from([(PageIndex::new(1).unwrap(), seed)]) }
}

#[test]
fn acknowledgements_that_come_in_another_order_are_put_in_theirs() {
    let volume = Volume::new();
    for number in [2, 1, 4] {
        volume.acknowledged(lsn(number), push(number)).unwrap();
    }
    assert_eq!(volume.head(), Some(lsn(2)));
    assert_eq!(volume.with_model(|model| model.page(lsn(2), PageIndex::new(1).unwrap())), Some(2));
    let gap = volume.check_gaps().unwrap_err();
    assert!(matches!(gap, Violation::Gap { missing: 3, above, .. } if above == lsn(4)), "{gap}");
    volume.acknowledged(lsn(3), push(3)).unwrap();
    assert_eq!(volume.head(), Some(lsn(4)));
    volume.check_gaps().unwrap();
}

#[test]
fn an_lsn_has_one_winner_whether_those_below_it_are_known_or_not() {
    let volume = Volume::new();
    for number in [1, 3] {
        volume.acknowledged(lsn(number), push(1)).unwrap();
        let twice = volume.acknowledged(lsn(number), push(2)).unwrap_err();
        assert!(matches!(twice, Violation::TwoWinners { lsn: winner, .. } if winner == lsn(number)), "{twice}");
    }
}

#[test]
fn a_group_goes_on_to_another_volume_when_its_own_is_long_enough() {
    let volumes = Arc::new(Volumes::default());
    let group = Group::new(Arc::clone(&volumes), 2, true);
    let first = group.volume();
    first.acknowledged(lsn(1), push(1)).unwrap();
    assert_eq!(group.volume().vid(), first.vid());
    first.acknowledged(lsn(2), push(2)).unwrap();
    let second = group.volume();
    assert_ne!(second.vid(), first.vid());
    assert_eq!(group.volume().vid(), second.vid());
    assert_eq!(volumes.all().len(), 2);
}

#[test]
fn a_seed_names_the_same_pushes() {
    let drawn = |seed| {
        let mut rng = SmallRng::seed_from_u64(seed);
        let pushes: Vec<Push> = (0..20).map(|_| Push::draw(&mut rng)).collect();
        pushes
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
    for Push { page_count, pages } in drawn(7) {
        assert!(pages.keys().all(|page| page_count.contains(*page)));
    }
}
