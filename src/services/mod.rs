//! One service object per verb: what a caller experiences.
