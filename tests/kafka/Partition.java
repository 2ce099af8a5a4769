import java.nio.charset.StandardCharsets;
import java.util.Scanner;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/** Says for each key on its standard input, a line each, the partition where Java's producer puts it. */
public class Partition {
    public static void main(String[] arguments) {
        int partitions = Integer.parseInt(arguments[0]);
        Scanner keys = new Scanner(System.in, StandardCharsets.UTF_8).useDelimiter("\n");
        while (keys.hasNext()) {
            byte[] key = keys.next().getBytes(StandardCharsets.UTF_8);
            System.out.println(BuiltInPartitioner.partitionForKey(key, partitions));
        }
    }
}
