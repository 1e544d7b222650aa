package rekap.bench;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** The totals of areas. Those that have changed are published every 100 ms, each once. */
final class Sums implements Processor<String, byte[], String, byte[]> {
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, byte[]> sums;
    private final Set<String> changed = new HashSet<>();

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
        this.context = context;
        sums = context.getStateStore("sums");
        context.schedule(Duration.ofMillis(100), PunctuationType.WALL_CLOCK_TIME, this::publish);
    }

    @Override
    public void process(Record<String, byte[]> record) {
        ByteBuffer change = ByteBuffer.wrap(record.value());
        byte[] before = sums.get(record.key());
        ByteBuffer total = ByteBuffer.allocate(record.value().length);
        for (int index = 0; index < total.capacity(); index += 8) {
            total.putLong(change.getLong(index) + (before == null ? 0 : ByteBuffer.wrap(before).getLong(index)));
        }
        sums.put(record.key(), total.array());
        changed.add(record.key());
        if (record.key().equals(Count.NATION)) {
            Count.nationReached(numbers(total));
        }
    }

    private static long[] numbers(ByteBuffer total) {
        long[] numbers = new long[total.capacity() / 8];
        total.rewind().asLongBuffer().get(numbers);
        return numbers;
    }

    private void publish(long now) {
        for (String area : changed) {
            context.forward(new Record<>(area, sums.get(area), now), "totals");
        }
        changed.clear();
    }
}
