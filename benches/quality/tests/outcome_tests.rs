//! What listeners make together.

use crate::outcome::*;

#[test]
fn nothing_heard_is_the_worst_there_is() {
    let nothing = Outcome::default();
    assert_eq!((nothing.pesq_mean(), nothing.pesq_min(), nothing.delay_ms(50)), (1.0, 1.0, None));
    let some = Outcome { pesq: vec![2.0, 4.0], delays_ms: vec![3.0, 1.0, 2.0], ..nothing };
    assert_eq!((some.pesq_mean(), some.pesq_min(), some.delay_ms(50)), (3.0, 2.0, Some(2.0)));
}
