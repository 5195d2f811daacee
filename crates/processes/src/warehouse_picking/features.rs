//! The observation of the picker: its position, the four directions, the aisles, the open items and the other pickers, the
//! nearest of both first. Heuristics read the same numbers back.

use setpoint_decision::spec::Feature;

use super::layout::{Cell, DEPOT, DIRECTIONS, Layout};
use super::other_pickers::OtherPicker;

/// Range of view along an aisle, m.
const SIGHT_M: i32 = 10;
/// Detours are counted up to this, m; it is also the value of blocked directions.
const DETOUR_MAX: i32 = 20;
/// Greatest number of items of an order.
pub const ITEMS_MAX: usize = 40;
const DIRECTION_NAMES: [&str; 4] = ["north", "south", "east", "west"];

/// Number of features before the directions, and of features of each direction, aisle, item and other picker.
const OWN: usize = 7;
const OF_DIRECTION: usize = 7;
const OF_AISLE: usize = 4;
const OF_ITEM: usize = 3;
const OF_PICKER: usize = 4;

/// The layout of the observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The floor.
    pub layout: Layout,
    /// Items of an order.
    pub items: usize,
    /// Number of other pickers.
    pub pickers: usize,
}

/// The state for the observation.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// Position of the picker.
    pub picker: Cell,
    /// The picker's last move; 0, 0 before the first.
    pub heading: Cell,
    /// Cells of the open items, the nearest first.
    pub items: &'a [Cell],
    /// The other pickers, in any order.
    pub others: &'a [OtherPicker],
}

impl Scene<'_> {
    /// Whether no other picker stands in a cell or is about to enter it.
    pub fn is_free(&self, cell: Cell) -> bool {
        !self.others.iter().any(|other| other.at == cell || other.next == cell)
    }
}

impl View {
    /// The features, in order.
    pub fn features(self) -> Vec<Feature> {
        let (east, north) = (self.layout.east() as f32, self.layout.north() as f32);
        let (items, longest) = (self.items as f32, self.layout.longest_walk() as f32);
        let mut features = vec![
            Feature::new("picker_x", "m", 0.0, east, "position of the picker, east of the depot"),
            Feature::new("picker_y", "m", 0.0, north, "position of the picker, north of the depot"),
            Feature::new("heading_x", "1", -1.0, 1.0, "last move: 1 east, −1 west"),
            Feature::new("heading_y", "1", -1.0, 1.0, "last move: 1 north, −1 south"),
            Feature::new("open_items", "items", 0.0, items, "open items of the order"),
            Feature::new("depot_walk", "m", 0.0, longest, "shortest walk to the depot"),
            Feature::new(
                "order_walk",
                "m",
                0.0,
                longest * (items + 1.0),
                "walk through the rest of the order, nearest item first",
            ),
        ];
        self.add_directions(&mut features);
        self.add_aisles(&mut features);
        self.add_items(&mut features);
        self.add_other_pickers(&mut features);
        features
    }

    /// The four directions: free cells, detours and other pickers.
    fn add_directions(self, features: &mut Vec<Feature>) {
        for name in DIRECTION_NAMES {
            let mut add = |what: &str, unit, high, description: String| {
                features.push(Feature::new(&format!("{name}_{what}"), unit, 0.0, high, &description));
            };
            add("free", "1", 1.0, format!("whether the cell to the {name} is free floor"));
            let detour = DETOUR_MAX as f32;
            add(
                "detour",
                "m",
                detour,
                format!(
                    "metres by which the walk to the nearest open item grows if it begins {name}, up to {DETOUR_MAX}"
                ),
            );
            add(
                "order_detour",
                "m",
                detour,
                format!(
                    "metres by which the rest of the order, nearest item first, is longer if it begins {name} than in the \
                     best direction, up to {DETOUR_MAX}"
                ),
            );
            add(
                "clear_detour",
                "m",
                detour,
                format!(
                    "the same for the nearest open item in an aisle without other pickers, up to {DETOUR_MAX}"
                ),
            );
            add("share", "1", 1.0, format!("share of open items to which a shortest walk begins {name}"));
            add(
                "picker",
                "m",
                SIGHT_M as f32,
                format!("distance to another picker straight {name}, {SIGHT_M} if no picker is nearer"),
            );
            features.push(Feature::new(
                &format!("{name}_closing"),
                "1",
                -1.0,
                1.0,
                "whether that picker steps towards the picker (1) or away (−1); 0 for a step aside, no step or no picker",
            ));
        }
    }

    /// Items and other pickers of each aisle.
    fn add_aisles(self, features: &mut Vec<Feature>) {
        let (north, items) = (self.layout.north() as f32, self.items as f32);
        for aisle in 1..=self.layout.aisles {
            let mut add = |what: &str, unit, high, description: String| {
                features.push(Feature::new(&format!("aisle_{aisle}_{what}"), unit, 0.0, high, &description));
            };
            add("items", "items", items, format!("open items in aisle {aisle}, counted from the depot's"));
            add("first", "m", north, format!("y of the southernmost open item of aisle {aisle}, 0 if none"));
            add("last", "m", north, format!("y of the northernmost open item of aisle {aisle}, 0 if none"));
            add("pickers", "1", self.pickers as f32, format!("other pickers in aisle {aisle}"));
        }
    }

    /// The open items, the nearest first.
    fn add_items(self, features: &mut Vec<Feature>) {
        let (east, north) = (self.layout.east() as f32, self.layout.north() as f32);
        let longest = self.layout.longest_walk() as f32;
        for item in 1..=self.items {
            let mut add = |what: &str, low, high, description: &str| {
                let description = format!("{description}, {item}. nearest open item or else the depot");
                features.push(Feature::new(&format!("item_{item}_{what}"), "m", low, high, &description));
            };
            add("east", -east, east, "metres east of the picker");
            add("north", -north, north, "metres north of the picker");
            add("walk", 0.0, longest, "shortest walk");
        }
    }

    /// The other pickers, the nearest first.
    fn add_other_pickers(self, features: &mut Vec<Feature>) {
        let (east, north) = (self.layout.east() as f32, self.layout.north() as f32);
        for other in 1..=self.pickers {
            let mut add = |what: &str, unit, reach: f32, description: &str| {
                let description = format!("{description}, {other}. nearest other picker");
                let name = format!("other_{other}_{what}");
                features.push(Feature::new(&name, unit, -reach, reach, &description));
            };
            add("east", "m", east, "metres east of the picker");
            add("north", "m", north, "metres north of the picker");
            add("heading_x", "1", 1.0, "next move: 1 east, −1 west, 0 for none");
            add("heading_y", "1", 1.0, "next move: 1 north, −1 south, 0 for none");
        }
    }

    fn aisles_at(self) -> usize {
        OWN + DIRECTIONS.len() * OF_DIRECTION
    }

    fn items_at(self) -> usize {
        self.aisles_at() + self.layout.aisles as usize * OF_AISLE
    }

    fn others_at(self) -> usize {
        self.items_at() + self.items * OF_ITEM
    }

    /// Writes the observation.
    pub fn write(self, scene: &Scene<'_>, observation: &mut [f32]) {
        let Scene { picker, heading, items, .. } = *scene;
        let depot_walk = self.layout.walk(picker, DEPOT);
        let order_walk = self.order_walk(picker, items);
        let own = [picker.x, picker.y, heading.x, heading.y, items.len() as i32, depot_walk, order_walk];
        for (feature, value) in observation.iter_mut().zip(own) {
            *feature = value as f32;
        }
        self.write_directions(scene, &mut observation[OWN..self.aisles_at()]);
        self.write_aisles(scene, &mut observation[self.aisles_at()..self.items_at()]);
        let goals = items.iter().copied().chain(std::iter::repeat(DEPOT));
        for (features, goal) in
            observation[self.items_at()..self.others_at()].chunks_exact_mut(OF_ITEM).zip(goals)
        {
            features[0] = (goal.x - picker.x) as f32;
            features[1] = (goal.y - picker.y) as f32;
            features[2] = self.layout.walk(picker, goal) as f32;
        }
        self.write_others(scene, &mut observation[self.others_at()..]);
    }

    fn write_directions(self, scene: &Scene<'_>, observation: &mut [f32]) {
        let Scene { picker, items, .. } = *scene;
        let goals = if items.is_empty() { &[DEPOT] } else { items };
        let nearest = goals.iter().map(|goal| self.layout.walk(picker, *goal)).min().unwrap_or(0);
        let mut shortest_order = i32::MAX;
        for (features, direction) in observation.chunks_exact_mut(OF_DIRECTION).zip(DIRECTIONS) {
            let cell = picker.after(direction);
            if !self.layout.is_floor(cell) {
                features.copy_from_slice(&[
                    0.0,
                    DETOUR_MAX as f32,
                    f32::MAX,
                    DETOUR_MAX as f32,
                    0.0,
                    SIGHT_M as f32,
                    0.0,
                ]);
                continue;
            }
            let (mut walk, mut clear_walk, mut on_the_way) = (i32::MAX, i32::MAX, 0);
            for goal in goals {
                let this = 1 + self.layout.walk(cell, *goal);
                walk = walk.min(this);
                if self.is_clear(scene, *goal) {
                    clear_walk = clear_walk.min(this);
                }
                on_the_way += i32::from(this == self.layout.walk(picker, *goal));
            }
            let order = self.order_walk(cell, items);
            shortest_order = shortest_order.min(order);
            let ahead = |other: &OtherPicker| {
                let (x, y) = (other.at.x - picker.x, other.at.y - picker.y);
                let metres = x * direction.x + y * direction.y;
                // In a straight line with only floor between.
                let is_seen = metres > 0 && metres == x.abs() + y.abs() && metres < SIGHT_M;
                let steps =
                    (other.next.x - other.at.x) * direction.x + (other.next.y - other.at.y) * direction.y;
                (is_seen && metres == self.layout.walk(picker, other.at)).then_some((metres, -steps))
            };
            let (metres, closing) = scene.others.iter().filter_map(ahead).min().unwrap_or((SIGHT_M, 0));
            features[0] = f32::from(u8::from(scene.is_free(cell)));
            features[1] = (walk - nearest).min(DETOUR_MAX) as f32;
            features[2] = order as f32;
            features[3] = (clear_walk - nearest).min(DETOUR_MAX) as f32;
            features[4] = on_the_way as f32 / goals.len() as f32;
            features[5] = metres as f32;
            features[6] = closing as f32;
        }
        for features in observation.chunks_exact_mut(OF_DIRECTION) {
            features[2] = (features[2] - shortest_order as f32).min(DETOUR_MAX as f32);
        }
    }

    /// Whether no other picker is between the racks of an aisle.
    fn is_clear(self, scene: &Scene<'_>, goal: Cell) -> bool {
        !scene.others.iter().any(|other| other.at.x == goal.x && self.layout.is_between_racks(other.at))
    }

    /// The walk from a cell through all items, always to the nearest next, and to the depot, m.
    fn order_walk(self, from: Cell, items: &[Cell]) -> i32 {
        let mut rest = [DEPOT; ITEMS_MAX];
        let mut rest = &mut rest[..items.len()];
        rest.copy_from_slice(items);
        let (mut here, mut walked) = (from, 0);
        while !rest.is_empty() {
            let key = |index: &usize| self.layout.walk(here, rest[*index]);
            let nearest = (0..rest.len()).min_by_key(key).unwrap_or(0);
            walked += self.layout.walk(here, rest[nearest]);
            here = rest[nearest];
            rest.swap(0, nearest);
            rest = &mut rest[1..];
        }
        walked + self.layout.walk(here, DEPOT)
    }

    fn write_aisles(self, scene: &Scene<'_>, observation: &mut [f32]) {
        observation.fill(0.0);
        for item in scene.items {
            let Some(aisle) = self.layout.aisle_of(*item) else { continue };
            let features = &mut observation[aisle as usize * OF_AISLE..][..OF_AISLE];
            let y = item.y as f32;
            features[1] = if features[0] == 0.0 { y } else { features[1].min(y) };
            features[2] = features[2].max(y);
            features[0] += 1.0;
        }
        for other in scene.others.iter().filter(|other| self.layout.is_between_racks(other.at)) {
            let Some(aisle) = self.layout.aisle_of(other.at) else { continue };
            observation[aisle as usize * OF_AISLE + 3] += 1.0;
        }
    }

    /// The nearest first, by selection, because there are few.
    fn write_others(self, scene: &Scene<'_>, observation: &mut [f32]) {
        let Scene { picker, others, .. } = *scene;
        let key = |index: usize| (self.layout.walk(picker, others[index].at), index);
        let mut last = (-1, 0);
        for features in observation.chunks_exact_mut(OF_PICKER) {
            let Some(next) = (0..others.len()).map(key).filter(|key| *key > last).min() else { return };
            last = next;
            let OtherPicker { at, next, .. } = others[next.1];
            let values = [at.x - picker.x, at.y - picker.y, next.x - at.x, next.y - at.y];
            for (feature, value) in features.iter_mut().zip(values) {
                *feature = value as f32;
            }
        }
    }

    /// Position of the picker.
    pub fn picker(self, observation: &[f32]) -> Cell {
        Cell { x: whole(observation[0]), y: whole(observation[1]) }
    }

    /// The picker's last move.
    pub fn heading(self, observation: &[f32]) -> Cell {
        Cell { x: whole(observation[2]), y: whole(observation[3]) }
    }

    /// Cells of the open items, the nearest first.
    pub fn open(self, observation: &[f32]) -> impl Iterator<Item = Cell> {
        let picker = self.picker(observation);
        let items = observation[self.items_at()..self.others_at()].chunks_exact(OF_ITEM);
        items
            .take(whole(observation[4]).max(0) as usize)
            .map(move |item| picker.after(Cell { x: whole(item[0]), y: whole(item[1]) }))
    }

    /// Whether no other picker stands in a cell or is about to enter it.
    pub fn is_free(self, observation: &[f32], cell: Cell) -> bool {
        let picker = self.picker(observation);
        observation[self.others_at()..].chunks_exact(OF_PICKER).all(|other| {
            let at = picker.after(Cell { x: whole(other[0]), y: whole(other[1]) });
            let next = at.after(Cell { x: whole(other[2]), y: whole(other[3]) });
            at != cell && next != cell
        })
    }
}

/// The metres or steps of a feature; all are whole numbers.
fn whole(feature: f32) -> i32 {
    feature.round() as i32
}
