package rekap.bench;

import com.alibaba.fastjson2.JSON;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/** What is signed and what is around it, as far as the count reads it; and the rules of a form (docs/reference/rules.md). */
final class Form {
    public static final class Record {
        public Envelope envelope;
        public String gateway;
        public String received_at;
    }

    public static final class Envelope {
        public String payload;
        public String payloadType;
        public List<Signed> signatures;
    }

    public static final class Signed {
        public String keyid;
        public String sig;
    }

    public static final class Event {
        public String type;
        public String election;
        public String definition;
        public String mode;
        public String station;
        public String contest;
        public int version;
        public int seq;
        public String supersedes;
        public Numbers form;
    }

    public static final class Row {
        public int L;
        public int P;
        public int J;
    }

    public static final class Numbers {
        public Row A;
        public Row B1;
        public Row B2;
        public Row B3;
        public Row B4;
        public int S1;
        public int S2;
        public int S3;
        public int S4;
        public int VA;
        public int VB;
        public int VC;
        public TreeMap<String, Integer> votes;
    }

    private Form() {}

    static Record record(byte[] value) {
        return JSON.parseObject(value, Record.class);
    }

    static Event event(byte[] payload) {
        return JSON.parseObject(payload, Event.class);
    }

    /** Ids of the rules that the form breaks. */
    static List<String> findings(Numbers form) {
        List<String> broken = new ArrayList<>(0);
        for (Row row : new Row[] {form.A, form.B1, form.B2, form.B3, form.B4}) {
            if (row.J != row.L + row.P) broken.add("F1");
        }
        if (form.B4.J != form.B1.J + form.B2.J + form.B3.J
                || form.B4.L != form.B1.L + form.B2.L + form.B3.L
                || form.B4.P != form.B1.P + form.B2.P + form.B3.P) broken.add("F2");
        int votes = 0;
        for (int each : form.votes.values()) votes += each;
        if (form.VA != votes) broken.add("F3");
        if (form.VC != form.VA + form.VB) broken.add("F4");
        if (form.S1 != form.S2 + form.S3 + form.S4) broken.add("F5");
        if (form.S2 != form.VC) broken.add("F6");
        if (form.VC != form.B4.J) broken.add("F7");
        if (form.B1.J > form.A.J) broken.add("G1");
        if (form.S2 > form.S1) broken.add("G2");
        return broken;
    }
}
