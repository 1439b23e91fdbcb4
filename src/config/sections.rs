//! Every setting there is, by group. A row holds field, key, form of the value, default and reader; see `settings!`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use log::LevelFilter;

use super::setting::settings;
use super::value::{
    Allowance, Codec, CodecPreference, Dscp, Latching, Listener, LogFormat, PortRange, Refresher, allowance,
    codec, digits, dscp, duration, ip, listener, network, noise_gate, number, one_of, or, path, port_range,
    product, reachable_ip, size, switch,
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

settings! {
    /// Where SIP is spoken, and with whom.
    pub struct SipSettings under "SIP" {
        /// Address and port that SIP is received on, UDP and TCP on each; udp: or tcp: before it for one alone.
        /// Repeatable.
        many listeners: Vec<Listener> = "sip" "[udp:|tcp:]ADDR:PORT" "127.0.0.1:5060" by listener;
        /// Address put in Contact and SDP, where peers reach us through NAT; auto is the address of the listener
        /// (of 0.0.0.0 or ::, the one the kernel would send from).
        one advertise: Option<IpAddr> = "advertise" "IP|auto" "auto" by or("auto", reachable_ip);
        /// Networks that may send SIP, to every listener or to the one named before "=". A listener on a loopback
        /// address admits loopback; any other admits nobody else. Repeatable.
        many allow: Vec<Allowance> = "allow" "[LISTENER=]CIDR" "" by allowance;
        /// Networks whose P-Asserted-Identity (RFC 3325) names the caller; of others From does. Repeatable.
        many trusted: Vec<IpNet> = "trusted" "CIDR" "" by network;
        /// Value of User-Agent and Server.
        one user_agent: String = "user-agent" "TEXT" "Antiphon" by product;
        /// DSCP of SIP packets: a number or a name as CS3, AF31, EF.
        one dscp: Dscp = "dscp-sip" "DSCP" "CS3" by dscp;
        /// Receive buffer of the UDP sockets for SIP; the kernel caps it at net.core.rmem_max.
        one receive_buffer: usize = "sip-receive-buffer" "BYTES" "4M" by size(4096..=1 << 30);
        /// Send buffer of the UDP sockets for SIP; the kernel caps it at net.core.wmem_max.
        one send_buffer: usize = "sip-send-buffer" "BYTES" "1M" by size(4096..=1 << 30);
        /// TCP connections for SIP open at a time; more are closed at once.
        one max_connections: usize = "max-connections" "N" "1000" by number(1..=100_000);
        /// A TCP connection without traffic for so long, and without a call, is closed.
        one idle_timeout: Duration = "idle-timeout" "TIME" "15m" by duration(SECOND..=DAY);
    }
}

settings! {
    /// The sockets of RTP and RTCP.
    pub struct RtpSettings under "RTP" {
        /// UDP ports of RTP and RTCP, both ends included: RTP takes the even ones, RTCP the odd ones above them.
        one ports: PortRange = "rtp-ports" "LOW-HIGH" "16384-32767" by port_range;
        /// Address that RTP is bound to; auto is that of the listener the call came in on.
        one address: Option<IpAddr> = "rtp-address" "IP|auto" "auto" by or("auto", ip);
        /// When the source of RTP may change: safe (as signalling says, or where the stream visibly continues) or
        /// roaming (also after 2 s of silence of the old source).
        one latching: Latching = "latching" "safe|roaming" "safe"
            by one_of(&[("safe", Latching::Safe), ("roaming", Latching::Roaming)]);
        /// DSCP of RTP and RTCP packets.
        one dscp: Dscp = "dscp-rtp" "DSCP" "EF" by dscp;
        /// Whether packets name those who are heard in them (CSRC, RFC 3550 §5.1), at most 15; to a peer that takes their
        /// levels (RFC 6465) they do in any case.
        one csrc: bool = "csrc" "on|off" "off" by switch;
        /// Receive buffer of each RTP socket.
        one receive_buffer: usize = "rtp-receive-buffer" "BYTES" "64k" by size(4096..=1 << 26);
        /// Send buffer of each RTP socket.
        one send_buffer: usize = "rtp-send-buffer" "BYTES" "64k" by size(4096..=1 << 26);
    }
}

settings! {
    /// Codecs and packet times.
    pub struct CodecSettings under "Codecs" {
        /// Codecs that are negotiated, best first: pcmu, pcma, g722, opus, l16/RATE with RATE 8000, 16000, 24000 or
        /// 48000 (l16 is l16/16000). Repeatable.
        many codecs: Vec<Codec> = "codecs" "CODEC" "opus,g722,pcmu,pcma,l16" by codec;
        /// Whose order of codecs wins in an answer: the offer's or ours.
        one preference: CodecPreference = "codec-preference" "offer|ours" "offer"
            by one_of(&[("offer", CodecPreference::Offer), ("ours", CodecPreference::Ours)]);
        /// Whether pauses of 200 ms and more are described (RFC 3389) instead of sent, where the peer takes CN and the codec
        /// is not Opus. What comes of it is heard in any case.
        one comfort_noise: bool = "comfort-noise" "on|off" "off" by switch;
        /// How many packets before it each packet carries copies of (RFC 2198), where the peer takes RED; copies that come
        /// are used in any case. Each is the rate of the codec once more.
        one redundancy: Option<u8> = "redundancy" "1|2|off" "off" by or("off", number(1..=2));
        /// Audio per packet in ms, where the peer asks for nothing else; a multiple of frame-ms.
        one ptime_ms: u8 = "ptime-ms" "10|20|30|40|60" "20"
            by one_of(&[("10", 10), ("20", 20), ("30", 30), ("40", 40), ("60", 60)]);
        /// The mixer's frame in ms, and so the length of a tick; with 20, a ptime of 10 or 30 ms is answered with 20.
        one frame_ms: u8 = "frame-ms" "10|20" "20" by one_of(&[("10", 10), ("20", 20)]);
    }
}

settings! {
    /// How Opus is encoded.
    pub struct OpusSettings under "Opus" {
        /// Bits per second, at most; the peer's maxaveragebitrate is kept too.
        one bitrate: u32 = "opus-bitrate" "BITS" "32000" by number(6000..=510_000);
        /// Encoder complexity: 0 is the cheapest, 10 the best.
        one complexity: u8 = "opus-complexity" "0-10" "5" by number(0..=10);
        /// Whether packets carry forward error correction, where the peer takes it (useinbandfec).
        one fec: bool = "opus-fec" "on|off" "on" by switch;
        /// Packet loss in percent that forward error correction is made for at least; more where the peer reports more.
        one expected_loss_percent: u8 = "opus-expected-loss" "PERCENT" "0" by number(0..=100);
        /// Whether silence is sent sparsely (DTX), where the peer takes it (usedtx).
        one dtx: bool = "opus-dtx" "on|off" "off" by switch;
        /// Sampling rate that Opus legs are mixed at, at most; the peer's maxplaybackrate is kept too.
        one sample_rate_hz: u32 = "opus-rate" "8000|16000|24000|48000" "48000"
            by one_of(&[("8000", 8000), ("16000", 16000), ("24000", 24000), ("48000", 48000)]);
    }
}

settings! {
    /// Bounds of the jitter buffer.
    pub struct JitterSettings under "Jitter buffer" {
        /// Delay in ms that the jitter buffer keeps at least.
        one min_ms: u16 = "jitter-min-ms" "MS" "0" by number(0..=500);
        /// Delay in ms that it adapts to at most; what comes later is lost.
        one max_ms: u16 = "jitter-max-ms" "MS" "350" by number(20..=500);
    }
}

settings! {
    /// What is refused rather than done badly.
    pub struct LimitSettings under "Limits" {
        /// Legs at a time; more are answered 503.
        one max_legs: usize = "max-legs" "N" "5000" by number(1..=1_000_000);
        /// New calls a second; more are answered 503. 0 is without limit.
        one max_calls_per_second: u32 = "max-calls-per-second" "N" "500" by number(0..=1_000_000);
        /// Conferences at a time; a call that would open one more is answered 503.
        one max_conferences: usize = "max-conferences" "N" "5000" by number(1..=1_000_000);
        /// Participants of a conference; one more is answered 486.
        one max_participants: usize = "max-participants" "N" "2000" by number(1..=1_000_000);
        /// Calls to unknown numbers a second that are answered 404; the rest is dropped. 0 is without limit.
        one unknown_number_rate: u32 = "unknown-number-rate" "N" "20" by number(0..=1_000_000);
        /// SIP transactions at a time; a request beyond is answered 503 without state.
        one max_transactions: usize = "max-transactions" "N" "65536" by number(16..=10_000_000);
        /// While ticks come later than so many ms, new calls are answered 503.
        one max_lateness_ms: u16 = "max-lateness-ms" "MS" "10" by number(1..=1000);
        /// While the worker uses more than so many percent of its core, new calls are answered 503.
        one max_load: u8 = "max-load" "PERCENT" "85" by number(1..=100);
        /// Seconds that a 503 asks the caller to wait (Retry-After).
        one retry_after_s: u32 = "retry-after" "SECONDS" "5" by number(1..=3600);
    }
}

settings! {
    /// How long things may take.
    pub struct TimerSettings under "Timers" {
        /// T1 of RFC 3261 §17.1.1.1: estimate of the round trip; 64 of it are the patience for answers and ACKs.
        one t1: Duration = "t1" "TIME" "500ms" by duration(MS * 50..=SECOND * 10);
        /// T2: longest interval between retransmissions.
        one t2: Duration = "t2" "TIME" "4s" by duration(MS * 100..=MINUTE);
        /// T4: longest time that a message stays in the network.
        one t4: Duration = "t4" "TIME" "5s" by duration(MS * 100..=MINUTE);
        /// Session timer (RFC 4028) that we ask for; off asks for none, the peer's wish is still served.
        one session_expires: Option<Duration> = "session-expires" "TIME|off" "30m"
            by or("off", duration(SECOND * 90..=DAY));
        /// Shortest session timer that we accept (422 below it).
        one min_se: Duration = "min-se" "TIME" "90s" by duration(SECOND * 90..=HOUR);
        /// Who sends the refreshes where the peer leaves it to us: the caller, where it can, or ours.
        one session_refresher: Refresher = "session-refresher" "caller|ours" "caller"
            by one_of(&[("caller", Refresher::Caller), ("ours", Refresher::Ours)]);
        /// A leg that should hear RTP but hears neither RTP nor RTCP for so long ends; in a pause that the peer
        /// has described, for four times as long.
        one media_timeout: Option<Duration> = "media-timeout" "TIME|off" "30s" by or("off", duration(SECOND..=DAY));
        /// Longest call.
        one max_call_duration: Option<Duration> = "max-call-duration" "TIME|off" "24h"
            by or("off", duration(SECOND..=DAY * 365));
        /// After SIGTERM, how long calls may go on before they are ended; new ones are answered 503.
        one drain_timeout: Duration = "drain-timeout" "TIME" "0" by duration(Duration::ZERO..=DAY);
    }
}

settings! {
    /// What participants of a conference hear and press; routes may differ.
    pub struct ConferenceSettings under "Conferences" {
        /// Whether the others hear a tone when someone enters.
        one enter_tone: bool = "enter-tone" "on|off" "on" by switch;
        /// Whether the others hear a tone when someone leaves.
        one leave_tone: bool = "leave-tone" "on|off" "on" by switch;
        /// Whether someone alone hears a tone now and then.
        one waiting_tone: bool = "waiting-tone" "on|off" "on" by switch;
        /// Digits that mute and unmute the one who presses them.
        one mute_key: Option<String> = "mute-key" "DIGITS|off" "*6" by or("off", digits);
        /// Digits that begin and end a recording of the conference.
        one record_key: Option<String> = "record-key" "DIGITS|off" "off" by or("off", digits);
        /// Where recordings are written, as WAV files of the conference's name and the time.
        one record_directory: PathBuf = "record-directory" "DIRECTORY" "." by path;
        /// Whether a participant that puts us on hold is muted in the mix, so that its music is not heard.
        one hold_mutes: bool = "hold-mutes" "on|off" "on" by switch;
        /// At most so many participants are heard at once, the loudest; 0 is without limit.
        one max_talkers: usize = "max-talkers" "N" "8" by number(0..=4000);
        /// Whether speech is told from noise: noise takes no place of one who speaks among the `max-talkers`, and the log
        /// (at debug) tells who talks and who is the active speaker.
        one voice_activity: bool = "voice-activity" "on|off" "on" by switch;
        /// Whether two who are alone, with the same codec, are sent each other's packets as they are, neither decoded nor encoded;
        /// automatic gain is off meanwhile.
        one relay: bool = "relay" "on|off" "on" by switch;
        /// Whether each participant is brought to the same loudness, and many who talk at once not far above it.
        one automatic_gain: bool = "automatic-gain" "on|off" "on" by switch;
        /// The loudness that automatic gain brings speech to, in dB below full scale (a full-scale sine is 3 below).
        one loudness: u8 = "loudness" "DB" "26" by number(10..=40);
        /// Whether a mix that is too loud becomes quieter for a moment; otherwise its samples are cut.
        one limiter: bool = "limiter" "on|off" "on" by switch;
        /// Whether noise is suppressed in what each leg sends, by a neural network: some 80 µs of the core for each 20 ms in
        /// which there is something to hear, and 10 to 14 ms of delay. Under load it is left undone.
        one denoise: bool = "denoise" "on|off" "off" by switch;
        /// What each leg sends becomes silence while it is quieter than so many dB below full scale; 45 to 55 leave speech.
        one noise_gate_db: Option<u8> = "noise-gate" "DB|off" "off" by noise_gate;
        /// Quiet noise that everyone in a conference hears all the time, so many dB below full scale (65 is discreet): nobody
        /// takes silence for a lost line. Nothing is silent then; each participant costs what it does while someone talks.
        one background_db: Option<u8> = "background" "DB|off" "off" by or("off", number(50..=80));
        /// Whether listeners who hear the same in the same codec are sent one encode; otherwise each costs one of its own.
        one share_encodes: bool = "share-encodes" "on|off" "on" by switch;
    }
}

settings! {
    /// The worker's threads and memory.
    pub struct WorkerSettings under "Worker" {
        /// Processor core that the worker is pinned to.
        one core: Option<usize> = "core" "N|any" "any" by or("any", number(0..=4095));
        /// Priority under the real-time scheduler (SCHED_FIFO); needs CAP_SYS_NICE.
        one realtime: Option<u8> = "realtime" "1-99|off" "off" by or("off", number(1..=99));
        /// Threads for files and other work that blocks.
        one helper_threads: usize = "helper-threads" "N" "2" by number(1..=64);
        /// Stack of each coroutine: address space, of which only touched pages take memory.
        one stack_bytes: usize = "stack" "BYTES" "128k" by size(32 << 10..=1 << 20);
        /// Stack that all codecs of the worker share.
        one codec_stack_bytes: usize = "codec-stack" "BYTES" "1M" by size(256 << 10..=64 << 20);
    }
}

settings! {
    /// What is logged, and how.
    pub struct LogSettings under "Log" {
        /// Least severe level that is logged, on standard error.
        one level: LevelFilter = "log-level" "off|error|warn|info|debug|trace" "info"
            by one_of(&[
                ("off", LevelFilter::Off),
                ("error", LevelFilter::Error),
                ("warn", LevelFilter::Warn),
                ("info", LevelFilter::Info),
                ("debug", LevelFilter::Debug),
                ("trace", LevelFilter::Trace),
            ]);
        /// Lines for people (text) or one JSON object a line (json).
        one format: LogFormat = "log-format" "text|json" "text"
            by one_of(&[("text", LogFormat::Text), ("json", LogFormat::Json)]);
        /// Lines that may wait to be written; more are dropped, counted and reported.
        one queue_lines: usize = "log-queue" "LINES" "8192" by number(16..=1_000_000);
    }
}
