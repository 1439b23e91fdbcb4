//! Places of participants: a place is used again, its name never.

use super::participant::Participant;

/// Names one participant of one conference; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ParticipantId {
    index: u32,
    generation: u32,
}

impl ParticipantId {
    /// Index of its place.
    pub(super) fn index(self) -> usize {
        self.index as usize
    }
}

/// All places of a conference.
#[derive(Debug, Default)]
pub(super) struct Places {
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place {
    generation: u32,
    participant: Option<Participant>,
}

impl Places {
    /// Participants that have a place, with those that are about to come or go.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, participant: Participant) -> ParticipantId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, participant: None });
            (self.places.len() - 1) as u32
        });
        let place = &mut self.places[index as usize];
        place.participant = Some(participant);
        ParticipantId { index, generation: place.generation }
    }

    pub(super) fn remove(&mut self, index: usize) -> Option<Participant> {
        let place = &mut self.places[index];
        let participant = place.participant.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(index as u32);
        Some(participant)
    }

    #[inline]
    pub(super) fn by_id(&mut self, id: ParticipantId) -> Option<&mut Participant> {
        let place = self.places.get_mut(id.index())?;
        if place.generation == id.generation { place.participant.as_mut() } else { None }
    }

    pub(super) fn by_index(&mut self, index: usize) -> Option<&mut Participant> {
        self.places.get_mut(index)?.participant.as_mut()
    }

    pub(super) fn at(&self, index: usize) -> Option<&Participant> {
        self.places.get(index)?.participant.as_ref()
    }

    /// The name of whoever has this place, or had it last.
    pub(super) fn id(&self, index: usize) -> ParticipantId {
        ParticipantId { index: index as u32, generation: self.places[index].generation }
    }

    /// Who is here, if that is just two.
    pub(super) fn pair(&self) -> Option<[ParticipantId; 2]> {
        if self.len() != 2 {
            return None;
        }
        let mut ids = self.iter().map(|(id, _)| id);
        Some([ids.next()?, ids.next()?])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ParticipantId, &Participant)> {
        self.places.iter().enumerate().filter_map(|(index, place)| {
            let id = ParticipantId { index: index as u32, generation: place.generation };
            place.participant.as_ref().map(|participant| (id, participant))
        })
    }
}
