import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Verify a spreadsheet over HTTP: java Verify.java FILE RESULT MOST_ASKS
 *
 * BATCHVERIFY_URL is where `batchverify serve` listens, BATCHVERIFY_TOKEN a token of `batchverify people token`.
 * It needs Java 17 and no library; a program of yours would read the JSON with the one it has.
 */
public final class Verify {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();
    private static final String API = System.getenv("BATCHVERIFY_URL") + "/api";

    public static void main(String[] arguments) throws Exception {
        Path file = Path.of(arguments[0]);
        byte[] content = Files.readAllBytes(file);
        String boundary = "batchverify-" + System.nanoTime();
        ByteArrayOutputStream form = new ByteArrayOutputStream();
        part(form, boundary, "name=\"options\"", "{\"product\": \"bank3\", \"lang\": \"en\"}".getBytes(StandardCharsets.UTF_8));
        part(form, boundary, "name=\"file\"; filename=\"" + file.getFileName() + "\"", content);
        form.write(("--" + boundary + "--\r\n").getBytes(StandardCharsets.UTF_8));

        // The same file with the same key is one job, however often it is sent.
        String key = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        String opened = send(request("/jobs")
                .header("Idempotency-Key", key)
                .header("Content-Type", "multipart/form-data; boundary=" + boundary)
                .POST(HttpRequest.BodyPublishers.ofByteArray(form.toByteArray())));
        String job = "/jobs/" + found(opened, "\"job\":\\{\"id\":\"([^\"]+)\"");

        // From here on it may cost money, and never more than MOST_ASKS asks.
        String confirmation = String.format(
                "{\"digest\": \"%s\", \"max_asks\": %d, \"purpose\": \"onboarding\"}",
                found(opened, "\"hash\":\"([0-9a-f]+)\""), Integer.parseInt(arguments[2]));
        send(request(job + "/confirm")
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(confirmation)));
        send(request(job + "/events")); // ends when the job does
        HttpResponse<Path> result =
                CLIENT.send(request(job + "/result").build(), HttpResponse.BodyHandlers.ofFile(Path.of(arguments[1])));
        if (result.statusCode() != 200) {
            throw new IOException("No result: " + result.statusCode());
        }
    }

    private static HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(API + path))
                .header("Authorization", "Bearer " + System.getenv("BATCHVERIFY_TOKEN"));
    }

    private static String send(HttpRequest.Builder request) throws IOException, InterruptedException {
        HttpResponse<String> answer = CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() >= 400) {
            throw new IOException(answer.body()); // a sentence that says why, and what it means for the bill
        }
        return answer.body();
    }

    private static void part(ByteArrayOutputStream form, String boundary, String head, byte[] content) throws IOException {
        form.write(("--" + boundary + "\r\nContent-Disposition: form-data; " + head + "\r\n\r\n").getBytes(StandardCharsets.UTF_8));
        form.write(content);
        form.write("\r\n".getBytes(StandardCharsets.UTF_8));
    }

    private static String found(String text, String pattern) throws IOException {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        if (!matcher.find()) {
            throw new IOException(text); // no plan yet: `needs` says what has to be chosen first
        }
        return matcher.group(1);
    }
}
