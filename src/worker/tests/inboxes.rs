//! Inboxes, local and remote: bounds, ends, deadlines.

use crate::worker::testing::on_worker;
use crate::worker::{Full, Received};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

#[test]
fn an_inbox_keeps_its_order_and_its_bound_and_counts_what_it_drops() {
    on_worker(|worker| {
        let before = worker.statistics().inbox_drops;
        let (sender, inbox) = worker.inbox(3);
        let refused: Vec<_> = (0..5).filter_map(|number| sender.send(number).err()).collect();
        assert_eq!(refused, [Full(3), Full(4)]);
        assert_eq!(worker.statistics().inbox_drops - before, 2);
        assert_eq!(inbox.len(), 3);
        assert_eq!((inbox.recv(), inbox.try_recv(), inbox.recv()), (Some(0), Some(1), Some(2)));
        assert!(inbox.is_empty());
        assert_eq!(inbox.try_recv(), None);
    });
}

#[test]
fn an_inbox_ends_when_its_last_sender_is_gone_and_it_is_empty() {
    on_worker(|worker| {
        let (sender, inbox) = worker.inbox(3);
        let second = sender.clone();
        drop(sender);
        let task = worker
            .spawn("sender", move || {
                second.send("last words").expect("room");
            })
            .expect("room");
        assert_eq!(inbox.recv(), Some("last words"));
        assert_eq!(inbox.recv(), None);
        assert_eq!(inbox.recv_until(worker.now() + Duration::from_secs(100)), Received::Closed);
        task.join();
    });
}

#[test]
fn a_sender_learns_that_the_receiver_is_gone_and_what_waited_is_dropped() {
    on_worker(|worker| {
        let before = worker.statistics().inbox_drops;
        let item = Rc::new(());
        let (sender, inbox) = worker.inbox(3);
        sender.send(Rc::clone(&item)).expect("room");
        drop(inbox);
        assert_eq!(Rc::strong_count(&item), 1);
        assert!(sender.is_closed());
        assert!(sender.send(Rc::clone(&item)).is_err());
        assert_eq!(worker.statistics().inbox_drops, before, "that is no overflow");
    });
}

#[test]
fn a_deadline_ends_a_wait_and_an_item_that_came_meanwhile_is_not_lost() {
    on_worker(|worker| {
        let (sender, inbox) = worker.inbox(3);
        let at = worker.now() + Duration::from_millis(3);
        assert_eq!(inbox.recv_until(at), Received::TimedOut);
        assert!(worker.now() >= at);
        let inside = worker.clone();
        let task = worker
            .spawn("sender", move || {
                inside.sleep_until(inside.now() + Duration::from_millis(2));
                sender.send(7).expect("room");
            })
            .expect("room");
        assert_eq!(inbox.recv_until(worker.now() + Duration::from_secs(100)), Received::Item(7));
        task.join();
    });
}

#[test]
fn coroutines_hand_a_token_round_through_their_inboxes() {
    on_worker(|worker| {
        let passed = Rc::new(RefCell::new(Vec::new()));
        let (first_sender, mut inbox) = worker.inbox::<u32>(1);
        let last = {
            let mut tasks = Vec::new();
            for number in 0..10 {
                let (sender, next) = worker.inbox(1);
                let (mine, passed) = (inbox, Rc::clone(&passed));
                tasks.push(worker.spawn("ring", move || {
                    while let Some(token) = mine.recv() {
                        passed.borrow_mut().push(number);
                        sender.send(token + 1).expect("room");
                    }
                }));
                inbox = next;
            }
            inbox
        };
        first_sender.send(0).expect("room");
        assert_eq!(last.recv(), Some(10));
        drop(first_sender);
        assert_eq!(last.recv(), None, "the end goes round too");
        assert_eq!(*passed.borrow(), (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn a_remote_inbox_wakes_its_coroutine_from_other_threads_and_keeps_its_bound() {
    on_worker(|worker| {
        let before = worker.statistics().inbox_drops;
        let (sender, inbox) = worker.remote_inbox(1000);
        let threads: Vec<_> = (0..4_u64)
            .map(|thread| {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    (0..200).for_each(|item| sender.send(thread * 1000 + item).expect("room"))
                })
            })
            .collect();
        drop(sender);
        let mut last = [None; 4];
        let mut count = 0;
        while let Some(item) = inbox.recv() {
            let (thread, item) = ((item / 1000) as usize, item % 1000);
            assert!(last[thread] < Some(item), "the order of each sender is kept");
            last[thread] = Some(item);
            count += 1;
        }
        assert_eq!(count, 800);
        threads.into_iter().for_each(|thread| thread.join().expect("the sender ends well"));
        let (sender, inbox) = worker.remote_inbox(1);
        assert!(sender.send(1).is_ok() && sender.send(2) == Err(Full(2)));
        assert_eq!(worker.statistics().inbox_drops - before, 1);
        assert_eq!(inbox.recv(), Some(1));
        assert_eq!(inbox.recv_until(worker.now() + Duration::from_millis(2)), Received::TimedOut);
        drop(inbox);
        assert!(sender.is_closed() && sender.send(3).is_err());
    });
}
