//! Samples: codecs, resampling, concealment, tones.
