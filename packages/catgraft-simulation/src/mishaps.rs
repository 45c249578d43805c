//! What happens to whole processes, the store and the catalog, at moments that have nothing to do with what they do.

use std::{sync::Arc, time::Duration};

use crate::{
    daemons::{metastores, pagestores},
    world::World,
};

/// Lets one mishap happen after the other, until all is calm.
pub(crate) async fn happen(world: Arc<World>) {
    let Some(pause_max) = world.plan.mishaps else { return };
    while !world.is_calm() {
        tokio::select! {
            biased;
            () = world.calm() => return,
            () = tokio::time::sleep(world.dice.time(pause_max)) => {}
        }
        let daemons = [metastores(), pagestores()].concat();
        let process = world.process(world.dice.pick(&daemons));
        let away = world.dice.pick(&[1, 5, 40]);
        let away = world.dice.time(Duration::from_secs(away));
        match (world.dice.number(0..=7), process) {
            (0, _) => world.take_store(away),
            (1, _) => world.take_catalog(away),
            (2..=4, Some(process)) => process.kill(&world, "is killed"),
            (5..=6, Some(process)) => process.freeze(&world),
            (7, Some(process)) => {
                world.trace.tell(format_args!("{process} is told to stop"));
                world.count(|counts| &mut counts.stops);
                process.stop.cancel();
            }
            _ => {}
        }
    }
}
