//! Who hears whom at this tick: participants, buses, mix-minus.
