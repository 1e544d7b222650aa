package rekap.bench;

import com.alibaba.fastjson2.JSON;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.Stores;

/**
 * The job of bench/count.py in Kafka Streams.
 *
 * <pre>
 * ledger --> judge (Form.java, Judge.java): opens the envelope, checks the signature and the rules, keeps each station's newest
 *            version in a store
 *              |--> history  a row for each record, with its event
 *              '--> areas    what the form changes in each of the five areas above the station, by area
 * areas  --> sums (Sums.java): adds up in a store, and every 100 ms publishes the totals of the areas that have changed
 *              '--> totals
 * </pre>
 *
 * Stores are in memory, each with its changelog topic, which is Kafka Streams' fastest way to keep them. At least once.
 * One JSON line on standard output when the nation's total is right: times and CPU seconds at the start of the process, at the
 * first record, when half of the results had reached the nation, and at the end.
 */
public final class Count {
    static final String NATION = "ID";
    private static final CountDownLatch DONE = new CountDownLatch(1);
    private static final Map<String, Object> MOMENTS = new HashMap<>();
    private static long[] expected;
    private static long half;
    private static long reached;

    /** The total of the nation after one more of its results. Called by the thread that has the nation's task. */
    static void nationReached(long[] total) {
        reached++;
        if (reached == half) {
            mark("half");
        }
        if (reached >= half && Arrays.equals(total, expected)) {
            mark("last");
            DONE.countDown();
        }
    }

    static synchronized void mark(String name) {
        if (!MOMENTS.containsKey(name)) {
            var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
            MOMENTS.put(name, List.of(System.currentTimeMillis() / 1000.0, system.getProcessCpuTime() / 1e9, reached));
        }
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> given = new HashMap<>();
        for (int index = 0; index < arguments.length; index += 2) {
            given.put(arguments[index], arguments[index + 1]);
        }
        expected = JSON.parseArray(given.get("--expected")).toList(Long.class).stream().mapToLong(Long::longValue).toArray();
        half = Long.parseLong(given.get("--results")) / 2;
        boolean checks = Boolean.parseBoolean(given.get("--checks"));
        Keys keys = Keys.read(Path.of(given.get("--keys")));
        KafkaStreams streams = new KafkaStreams(topology(given, keys, checks), settings(given));
        streams.setUncaughtExceptionHandler(
                error -> {
                    error.printStackTrace();
                    Runtime.getRuntime().halt(1);
                    return null;
                });
        streams.start();
        boolean right = DONE.await(Long.parseLong(given.get("--seconds")), TimeUnit.SECONDS);
        mark("last");
        MOMENTS.put("right", right);
        MOMENTS.put("provider", keys.provider());
        System.out.println(JSON.toJSONString(MOMENTS));
        System.out.flush();
        streams.close(Duration.ofSeconds(10));
        System.exit(0);
    }

    private static Topology topology(Map<String, String> given, Keys keys, boolean checks) {
        var bytes = new ByteArraySerializer();
        var text = new StringSerializer();
        var stations = Stores.keyValueStoreBuilder(
                Stores.inMemoryKeyValueStore("stations"), Serdes.String(), Serdes.ByteArray());
        var sums = Stores.keyValueStoreBuilder(
                Stores.inMemoryKeyValueStore("sums"), Serdes.String(), Serdes.ByteArray());
        return new Topology()
                .addSource("ledger", new ByteArrayDeserializer(), new ByteArrayDeserializer(), given.get("--ledger"))
                .addProcessor("judge", () -> new Judge(keys, checks), "ledger")
                .addStateStore(stations, "judge")
                .addSink("history", given.get("--history"), text, bytes, "judge")
                .addSink("to-areas", given.get("--areas"), text, bytes, "judge")
                .addSource("areas", new StringDeserializer(), new ByteArrayDeserializer(), given.get("--areas"))
                .addProcessor("sums-of-areas", Sums::new, "areas")
                .addStateStore(sums, "sums-of-areas")
                .addSink("totals", given.get("--totals"), text, bytes, "sums-of-areas");
    }

    private static Properties settings(Map<String, String> given) throws Exception {
        Properties settings = new Properties();
        String password = Files.readString(Path.of(given.get("--password"))).strip();
        settings.put("application.id", given.get("--id"));
        settings.put("bootstrap.servers", given.get("--broker"));
        settings.put("security.protocol", "SASL_PLAINTEXT");
        settings.put("sasl.mechanism", "PLAIN");
        settings.put(
                "sasl.jaas.config",
                "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\" password=\"%s\";"
                        .formatted(given.get("--user"), password));
        settings.put("state.dir", given.get("--state"));
        settings.put("num.stream.threads", "2"); // one for each core
        settings.put("commit.interval.ms", "1000");
        settings.put("statestore.cache.max.bytes", "67108864");
        settings.put("consumer.auto.offset.reset", "earliest");
        settings.put("consumer.max.poll.records", "2000");
        settings.put("producer.linger.ms", "50");
        settings.put("producer.batch.size", "262144");
        settings.put("producer.buffer.memory", "67108864");
        return settings;
    }
}
