package rekap.bench;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.Signature;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** One record of the ledger: may it count, what is wrong with it, what does it change. */
final class Judge implements Processor<byte[], byte[], String, byte[]> {
    private static final byte[] TYPE = "DSSEv1 32 application/vnd.rekap.event+json ".getBytes(StandardCharsets.US_ASCII);
    private final Keys keys;
    private final boolean checks;
    private Map<String, Signature> verifiers;
    private MessageDigest sha256;
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, byte[]> stations;

    Judge(Keys keys, boolean checks) {
        this.keys = keys;
        this.checks = checks;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
        this.context = context;
        stations = context.getStateStore("stations");
        try {
            verifiers = keys.verifiers();
            sha256 = MessageDigest.getInstance("SHA-256");
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException(error);
        }
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        Count.mark("first");
        byte[] value = record.value();
        Form.Record ledger = Form.record(value);
        byte[] payload = Base64.getDecoder().decode(ledger.envelope.payload);
        Form.Signed signed = ledger.envelope.signatures.get(0);
        sha256.update((byte) 0);
        byte[] leaf = sha256.digest(value);
        byte[] id = sha256.digest(payload);
        Form.Event event = Form.event(payload);
        boolean holds = !checks || holds(signed, payload);
        if (!event.type.equals("result.reported") || !holds) {
            history(record, event, id, leaf, signed.keyid, holds ? "applied" : "refused", List.of(), payload);
            return;
        }
        List<String> findings = Form.findings(event.form);
        byte[] before = stations.get(event.station);
        boolean newer = before == null || event.version > ByteBuffer.wrap(before).getInt();
        String state = !newer ? "superseded" : findings.isEmpty() ? "counted" : "held";
        history(record, event, id, leaf, signed.keyid, state, findings, payload);
        if (newer && findings.isEmpty()) {
            count(record, event, before);
        }
    }

    private boolean holds(Form.Signed signed, byte[] payload) {
        Signature verifier = verifiers.get(signed.keyid);
        if (verifier == null) {
            return false;
        }
        try {
            verifier.update(TYPE);
            verifier.update((payload.length + " ").getBytes(StandardCharsets.US_ASCII));
            verifier.update(payload);
            return verifier.verify(Base64.getDecoder().decode(signed.sig));
        } catch (GeneralSecurityException error) {
            return false;
        }
    }

    /** The record as lists of the log show it, with its event. */
    private void history(
            Record<byte[], byte[]> record,
            Form.Event event,
            byte[] id,
            byte[] leaf,
            String key,
            String state,
            List<String> findings,
            byte[] payload) {
        String head =
                "{\"event\":\"%s\",\"type\":\"%s\",\"key\":\"%s\",\"station\":\"%s\",\"contest\":\"%s\",\"version\":%d,"
                        .formatted(hex(id), event.type, key, event.station, event.contest, event.version)
                        + "\"leaf\":\"" + hex(leaf) + "\",\"state\":\"" + state + "\",\"findings\":\""
                        + String.join(" ", findings) + "\",\"payload\":";
        byte[] first = head.getBytes(StandardCharsets.UTF_8);
        byte[] row = new byte[first.length + payload.length + 1];
        System.arraycopy(first, 0, row, 0, first.length);
        System.arraycopy(payload, 0, row, first.length, payload.length);
        row[row.length - 1] = '}';
        context.forward(new Record<>(event.station, row, record.timestamp()), "history");
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    /** Keep the newest version, and send what it changes in each area above the station: stations, then votes by choice. */
    private void count(Record<byte[], byte[]> record, Form.Event event, byte[] before) {
        var votes = event.form.votes.values();
        ByteBuffer now = ByteBuffer.allocate(4 + 8 * (1 + votes.size()));
        ByteBuffer change = ByteBuffer.allocate(8 * (1 + votes.size()));
        now.putInt(event.version).putLong(1);
        for (int each : votes) {
            now.putLong(each);
        }
        ByteBuffer old = before == null ? null : ByteBuffer.wrap(before);
        for (int index = 0; index <= votes.size(); index++) {
            change.putLong(now.getLong(4 + 8 * index) - (old == null ? 0 : old.getLong(4 + 8 * index)));
        }
        stations.put(event.station, now.array());
        // province.regency.district.village.station
        String area = event.station;
        for (int dot = area.lastIndexOf('.'); dot > 0; dot = area.lastIndexOf('.')) {
            area = area.substring(0, dot);
            context.forward(new Record<>(area, change.array(), record.timestamp()), "to-areas");
        }
        context.forward(new Record<>(Count.NATION, change.array(), record.timestamp()), "to-areas");
    }
}
