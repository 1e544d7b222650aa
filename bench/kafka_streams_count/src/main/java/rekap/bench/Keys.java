package rekap.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Provider;
import java.security.PublicKey;
import java.security.Security;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/** The election's keys, by id, for AWS-LC's provider where this machine can load it, else for Java's own (SunEC). */
record Keys(Map<String, PublicKey> byId, String provider) {
    private static final byte[] ED25519 = HexFormat.of().parseHex("302a300506032b6570032100");

    static Keys read(Path csv) throws Exception {
        String provider = fastestProvider();
        KeyFactory factory = KeyFactory.getInstance("Ed25519", "SunEC"); // AWS-LC's provider takes its keys
        Map<String, PublicKey> byId = new HashMap<>();
        for (String line : Files.readAllLines(csv).subList(1, (int) Files.lines(csv).count())) {
            String[] fields = line.split(",", 3);
            byte[] encoded = new byte[ED25519.length + 32];
            System.arraycopy(ED25519, 0, encoded, 0, ED25519.length);
            System.arraycopy(Base64.getDecoder().decode(fields[1]), 0, encoded, ED25519.length, 32);
            byId.put(fields[0], factory.generatePublic(new X509EncodedKeySpec(encoded)));
        }
        return new Keys(byId, provider);
    }

    /** A verifier of each key, for one thread. */
    Map<String, Signature> verifiers() throws GeneralSecurityException {
        Map<String, Signature> verifiers = new HashMap<>();
        for (Map.Entry<String, PublicKey> each : byId.entrySet()) {
            Signature verifier = Signature.getInstance("Ed25519", provider);
            verifier.initVerify(each.getValue());
            verifiers.put(each.getKey(), verifier);
        }
        return verifiers;
    }

    private static String fastestProvider() {
        try {
            Class<?> provider = Class.forName("com.amazon.corretto.crypto.provider.AmazonCorrettoCryptoProvider");
            Security.insertProviderAt((Provider) provider.getField("INSTANCE").get(null), 1);
            Signature.getInstance("Ed25519", "AmazonCorrettoCryptoProvider");
            return "AmazonCorrettoCryptoProvider";
        } catch (ReflectiveOperationException | GeneralSecurityException | LinkageError absent) {
            return "SunEC";
        }
    }
}
