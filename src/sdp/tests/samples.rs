//! Offers as phones, switches and tools send them (addresses changed), with what we answer.

/// An offer and what becomes of it.
pub struct Sample {
    pub name: &'static str,
    /// With LF as line end.
    pub offer: &'static str,
    /// The `m=` lines of our answer; for a refusal its status and text.
    pub media: &'static str,
    /// See [`super::summary`]; empty for a refusal.
    pub agreed: &'static str,
}

pub const SAMPLES: &[Sample] = &[
    Sample {
        name: "baresip",
        offer: "v=0\no=- 3456789 2345678 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\n\
            a=tool:baresip 1.0.0\nm=audio 10002 RTP/AVP 96 8 0 101\nb=AS:125\na=rtpmap:96 opus/48000/2\n\
            a=fmtp:96 stereo=1;sprop-stereo=1\na=rtpmap:8 PCMA/8000\na=rtpmap:0 PCMU/8000\n\
            a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=rtcp:10003\na=sendrecv\n\
            a=label:1\na=rtcp-rsize\na=ssrc:2468 cname:sip:a@example.org\na=ptime:20\n",
        media: "m=audio 20000 RTP/AVP 96 8 0 101",
        agreed: "opus/48000=96,PCMA/8000=8,PCMU/8000=0 sendrecv 192.0.2.20:10002 rtcp 192.0.2.20:10003 \
            20ms dtmf 101@8000",
    },
    Sample {
        name: "linphone with AVPF, Speex and two telephone-events",
        offer: "v=0\no=alice 3047 1863 IN IP4 192.0.2.20\ns=Talk\nc=IN IP4 192.0.2.20\nt=0 0\n\
            a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics\n\
            a=record:off\nm=audio 7078 RTP/AVPF 96 97 98 0 8 101 99 100\na=rtpmap:96 opus/48000/2\n\
            a=fmtp:96 useinbandfec=1\na=rtpmap:97 speex/16000\na=fmtp:97 vbr=on\na=rtpmap:98 speex/8000\n\
            a=fmtp:98 vbr=on\na=rtpmap:101 telephone-event/48000\na=rtpmap:99 telephone-event/16000\n\
            a=rtpmap:100 telephone-event/8000\na=rtcp-fb:* trr-int 1000\na=rtcp-fb:* ccm tmmbr\n\
            m=video 9078 RTP/AVPF 96\na=rtpmap:96 VP8/90000\na=rtcp-fb:* trr-int 1000\n",
        media: "m=audio 20000 RTP/AVPF 96 0 8 101 100 | m=video 0 RTP/AVPF 96",
        agreed: "opus/48000=96,PCMU/8000=0,PCMA/8000=8 sendrecv 192.0.2.20:7078 rtcp 192.0.2.20:7079 \
            20ms dtmf 101@48000,100@8000",
    },
    Sample {
        name: "Cisco 7960",
        offer: "v=0\no=Cisco-SIPUA 20834 20834 IN IP4 192.0.2.20\ns=SIP Call\nc=IN IP4 192.0.2.20\nt=0 0\n\
            m=audio 17452 RTP/AVP 0 8 18 101\na=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\n\
            a=rtpmap:18 G729/8000\na=fmtp:18 annexb=no\na=rtpmap:101 telephone-event/8000\n\
            a=fmtp:101 0-15\n",
        media: "m=audio 20000 RTP/AVP 0 8 101",
        agreed: "PCMU/8000=0,PCMA/8000=8 sendrecv 192.0.2.20:17452 rtcp 192.0.2.20:17453 20ms \
            dtmf 101@8000",
    },
    Sample {
        name: "Cisco gateway with connection per line, comfort noise and NSE",
        offer: "v=0\no=CiscoSystemsSIP-GW-UserAgent 5431 7012 IN IP4 192.0.2.20\ns=SIP Call\n\
            c=IN IP4 192.0.2.20\nt=0 0\nm=audio 16462 RTP/AVP 8 13 100 101\nc=IN IP4 192.0.2.21\n\
            a=rtpmap:8 PCMA/8000\na=rtpmap:13 CN/8000\na=rtpmap:100 X-NSE/8000\na=fmtp:100 192-194\n\
            a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\na=ptime:30\n",
        media: "m=audio 20000 RTP/AVP 8 13 101",
        agreed: "PCMA/8000=8 sendrecv 192.0.2.21:16462 rtcp 192.0.2.21:16463 30ms dtmf 101@8000 cn 13@8000",
    },
    Sample {
        name: "Asterisk",
        offer: "v=0\no=root 1821363577 1821363577 IN IP4 192.0.2.20\ns=Asterisk PBX 16.2.1\n\
            c=IN IP4 192.0.2.20\nt=0 0\nm=audio 14182 RTP/AVP 8 0 107 101\na=rtpmap:8 PCMA/8000\n\
            a=rtpmap:0 PCMU/8000\na=rtpmap:107 opus/48000/2\na=fmtp:107 useinbandfec=1\n\
            a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\na=ptime:20\na=maxptime:60\na=sendrecv\n",
        media: "m=audio 20000 RTP/AVP 8 0 107 101",
        agreed: "PCMA/8000=8,PCMU/8000=0,opus/48000=107 sendrecv 192.0.2.20:14182 rtcp 192.0.2.20:14183 \
            20ms dtmf 101@8000",
    },
    Sample {
        name: "FreeSWITCH, static types without rtpmap, mux",
        offer: "v=0\no=FreeSWITCH 1609842112 1609842113 IN IP4 192.0.2.20\ns=FreeSWITCH\n\
            c=IN IP4 192.0.2.20\nt=0 0\nm=audio 24570 RTP/AVP 9 0 8 102 101 13 103\n\
            a=rtpmap:102 opus/48000/2\na=fmtp:102 useinbandfec=1; maxaveragebitrate=30000; \
            maxplaybackrate=48000; ptime=20; minptime=10; maxptime=40\n\
            a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=rtpmap:103 telephone-event/48000\n\
            a=fmtp:103 0-15\na=rtpmap:13 CN/8000\na=rtcp-mux\na=rtcp:24570 IN IP4 192.0.2.20\na=ptime:20\n",
        media: "m=audio 20000 RTP/AVP 0 8 102 101 13 103",
        agreed: "PCMU/8000=0,PCMA/8000=8,opus/48000=102 sendrecv 192.0.2.20:24570 mux 20ms \
            dtmf 101@8000,103@48000 cn 13@8000",
    },
    Sample {
        name: "sipp's built-in scenario",
        offer: "v=0\no=user1 53655765 2353687637 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\n\
            m=audio 6000 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n",
        media: "m=audio 20000 RTP/AVP 0",
        agreed: "PCMU/8000=0 sendrecv 192.0.2.20:6000 rtcp 192.0.2.20:6001 20ms",
    },
    Sample {
        name: "no attributes at all, LF, no s= and t=",
        offer: "v=0\no=- 1 1 IN IP4 192.0.2.20\nc=IN IP4 192.0.2.20\nm=audio 6000 RTP/AVP 18 8\n",
        media: "m=audio 20000 RTP/AVP 8",
        agreed: "PCMA/8000=8 sendrecv 192.0.2.20:6000 rtcp 192.0.2.20:6001 20ms",
    },
    Sample {
        name: "Snom with SRTP and plain line, in that order",
        offer: "v=0\no=root 12 12 IN IP4 192.0.2.20\ns=call\nc=IN IP4 192.0.2.20\nt=0 0\n\
            m=audio 49152 RTP/SAVP 0 8\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\n\
            a=rtpmap:0 PCMU/8000\nm=audio 49154 RTP/AVP 8 0\na=rtpmap:8 pcma/8000\na=rtpmap:0 pcmu/8000\n",
        media: "m=audio 0 RTP/SAVP 0 8 | m=audio 20000 RTP/AVP 8 0",
        agreed: "PCMA/8000=8,PCMU/8000=0 sendrecv 192.0.2.20:49154 rtcp 192.0.2.20:49155 20ms",
    },
    Sample {
        name: "two audio lines, video, fax and MSRP",
        offer: "v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\n\
            m=image 4004 udptl t38\na=T38FaxVersion:0\nm=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/AVP 8\n\
            m=video 4006 RTP/AVP 31 34\nm=message 4008 TCP/MSRP *\na=accept-types:text/plain\n",
        media: "m=image 0 udptl t38 | m=audio 20000 RTP/AVP 0 | m=audio 0 RTP/AVP 8 | \
            m=video 0 RTP/AVP 31 34 | m=message 0 TCP/MSRP *",
        agreed: "PCMU/8000=0 sendrecv 192.0.2.20:4000 rtcp 192.0.2.20:4001 20ms",
    },
    Sample {
        name: "Polycom hold",
        offer: "v=0\no=- 1358 1359 IN IP4 192.0.2.20\ns=Polycom IP Phone\nc=IN IP4 192.0.2.20\nt=0 0\n\
            a=sendonly\nm=audio 2246 RTP/AVP 0 101\na=rtpmap:0 PCMU/8000\n\
            a=rtpmap:101 telephone-event/8000\n",
        media: "m=audio 20000 RTP/AVP 0 101",
        agreed: "PCMU/8000=0 recvonly 192.0.2.20:2246 rtcp 192.0.2.20:2247 20ms dtmf 101@8000 held",
    },
    Sample {
        name: "old Polycom hold by c=0.0.0.0",
        offer: "v=0\no=- 1358 1360 IN IP4 192.0.2.20\ns=Polycom IP Phone\nc=IN IP4 0.0.0.0\nt=0 0\n\
            m=audio 2246 RTP/AVP 0\na=rtpmap:0 PCMU/8000\na=rtcp:2250\n",
        media: "m=audio 20000 RTP/AVP 0",
        agreed: "PCMU/8000=0 recvonly nowhere 20ms held",
    },
    Sample {
        name: "hold by inactive and c=0.0.0.0 in the media",
        offer: "v=0\no=- 1358 1360 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\n\
            m=audio 2246 RTP/AVP 0\nc=IN IP4 0.0.0.0\na=inactive\n",
        media: "m=audio 20000 RTP/AVP 0",
        agreed: "PCMU/8000=0 inactive nowhere 20ms held",
    },
    Sample {
        name: "browser-like, plain RTP: mid, BUNDLE, extmap, many formats",
        offer: "v=0\no=- 4611731400430051336 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0 1\n\
            a=extmap-allow-mixed\na=msid-semantic: WMS stream\nm=audio 50000 RTP/AVPF 111 63 9 0 8 13 110 126\n\
            c=IN IP4 192.0.2.20\na=rtcp:50000 IN IP4 192.0.2.20\na=ice-ufrag:GSGG\na=mid:0\n\
            a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\n\
            a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\na=sendrecv\n\
            a=msid:stream track\na=rtcp-mux\na=rtcp-rsize\na=rtpmap:111 opus/48000/2\na=rtcp-fb:111 transport-cc\n\
            a=fmtp:111 minptime=10;useinbandfec=1\na=rtpmap:63 red/48000/2\na=fmtp:63 111/111\n\
            a=rtpmap:9 G722/8000\na=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\na=rtpmap:13 CN/8000\n\
            a=rtpmap:110 telephone-event/48000\na=rtpmap:126 telephone-event/8000\n\
            a=ssrc:1001 cname:x\nm=video 50000 RTP/AVPF 96\nc=IN IP4 192.0.2.20\na=mid:1\na=rtcp-mux\n\
            a=rtpmap:96 VP8/90000\n",
        media: "m=audio 20000 RTP/AVPF 111 63 0 8 13 110 126 | m=video 0 RTP/AVPF 96",
        agreed: "opus/48000=111,PCMU/8000=0,PCMA/8000=8 sendrecv 192.0.2.20:50000 mux 20ms \
            dtmf 110@48000,126@8000 cn 13@8000 red 63>63<",
    },
    Sample {
        name: "Chrome over DTLS",
        offer: "v=0\no=- 4611731400430051336 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0\n\
            m=audio 9 UDP/TLS/RTP/SAVPF 111\nc=IN IP4 0.0.0.0\na=rtcp:9 IN IP4 0.0.0.0\na=mid:0\n\
            a=rtcp-mux\na=rtpmap:111 opus/48000/2\n",
        media: "488 no audio over plain RTP",
        agreed: "",
    },
    Sample {
        name: "IPv6 to an IPv4 server",
        offer: "v=0\no=- 1 1 IN IP6 2001:db8::1\ns=-\nc=IN IP6 2001:db8::1\nt=0 0\nm=audio 4000 RTP/AVP 0\n",
        media: "488 no audio at an address we can send to",
        agreed: "",
    },
    Sample {
        name: "IPv6 in the session, IPv4 in the media",
        offer: "v=0\no=- 1 1 IN IP6 2001:db8::1\ns=-\nc=IN IP6 2001:db8::1\nt=0 0\nm=audio 4000 RTP/AVP 0\n\
            m=audio 4002 RTP/AVP 0\nc=IN IP4 192.0.2.20\n",
        media: "m=audio 0 RTP/AVP 0 | m=audio 20000 RTP/AVP 0",
        agreed: "PCMU/8000=0 sendrecv 192.0.2.20:4002 rtcp 192.0.2.20:4003 20ms",
    },
    Sample {
        name: "multicast",
        offer: "v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nc=IN IP4 224.2.1.1/127\nt=0 0\nm=audio 4000 RTP/AVP 0\n",
        media: "488 no audio at an address we can send to",
        agreed: "",
    },
    Sample {
        name: "host name, odd rtcp port",
        offer: "v=0\no=- 1 1 IN IP4 pc.example.org\ns=-\nc=IN IP4 pc.example.org\nt=0 0\n\
            m=audio 4000 RTP/AVP 0\na=rtcp:53020\n",
        media: "m=audio 20000 RTP/AVP 0",
        agreed: "PCMU/8000=0 sendrecv nowhere 20ms",
    },
    Sample {
        name: "rtcp elsewhere; port pairs",
        offer: "v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\n\
            m=audio 4000/1 RTP/AVP 0\na=rtcp:53020 IN IP4 192.0.2.99\n",
        media: "m=audio 20000 RTP/AVP 0",
        agreed: "PCMU/8000=0 sendrecv 192.0.2.20:4000 rtcp 192.0.2.99:53020 20ms",
    },
    Sample {
        name: "G.729 alone",
        offer: "v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\n\
            m=audio 4000 RTP/AVP 18 101\na=rtpmap:101 telephone-event/8000\n",
        media: "488 no common audio codec",
        agreed: "",
    },
    Sample {
        name: "fax alone",
        offer: "v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\nm=audio 0 RTP/AVP 0\n\
            m=image 4000 udptl t38\n",
        media: "488 no audio line in use",
        agreed: "",
    },
    Sample {
        name: "no media",
        offer: "v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\n",
        media: "488 no audio line in use",
        agreed: "",
    },
    Sample {
        name: "no connection",
        offer: "v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nt=0 0\nm=audio 4000 RTP/AVP 0\n",
        media: "488 no audio at an address we can send to",
        agreed: "",
    },
    Sample {
        name: "ids that are text or huge, name with blanks, odd order, double blanks",
        offer: "v=0\no=John Doe sess-a1b2 99999999999999999999999999 IN IP4 192.0.2.20\n\
            c=IN  IP4  192.0.2.20\ns=\nm=audio  4000  RTP/AVP  0  101\na=rtpmap:101  telephone-event/8000\n\
            t=0 0\n",
        media: "m=audio 20000 RTP/AVP 0 101",
        agreed: "PCMU/8000=0 sendrecv 192.0.2.20:4000 rtcp 192.0.2.20:4001 20ms dtmf 101@8000",
    },
    Sample {
        name: "broken rtpmaps and a number twice",
        offer: "v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\n\
            m=audio 4000 RTP/AVP 96 0 200 x 97 98 97\na=rtpmap:96 opus\na=rtpmap:0 PCMU\na=rtpmap:\n\
            a=rtpmap:97 PCMU/8000\na=rtpmap:98 L16/16000/1\n",
        media: "m=audio 20000 RTP/AVP 0 98",
        agreed: "PCMU/8000=0,L16/16000=98 sendrecv 192.0.2.20:4000 rtcp 192.0.2.20:4001 20ms",
    },
    Sample {
        name: "opus written as mono, several fmtp",
        offer: "v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\n\
            m=audio 4000 RTP/AVP 120\na=rtpmap:120 OPUS/48000\na=fmtp:120 usedtx=1\na=fmtp:120 cbr=1\n\
            a=ptime:60\n",
        media: "m=audio 20000 RTP/AVP 120",
        agreed: "opus/48000=120 sendrecv 192.0.2.20:4000 rtcp 192.0.2.20:4001 60ms",
    },
    Sample {
        name: "not SDP",
        offer: "Signal=5\nDuration=160\n",
        media: "415 malformed session description: not SDP in line 1",
        agreed: "",
    },
    Sample { name: "empty", offer: "", media: "415 malformed session description: not SDP", agreed: "" },
    Sample {
        name: "port out of range",
        offer: "v=0\no=- 1 1 IN IP4 192.0.2.20\ns=-\nc=IN IP4 192.0.2.20\nt=0 0\nm=audio 70000 RTP/AVP 0\n",
        media: "400 malformed session description: bad m= line in line 6",
        agreed: "",
    },
];
