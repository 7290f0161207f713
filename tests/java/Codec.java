import static java.nio.charset.StandardCharsets.UTF_8;

import com.datastax.oss.protocol.internal.*;
import com.datastax.oss.protocol.internal.request.*;
import com.datastax.oss.protocol.internal.request.query.QueryOptions;
import com.datastax.oss.protocol.internal.response.error.*;
import com.datastax.oss.protocol.internal.response.event.StatusChangeEvent;
import com.datastax.oss.protocol.internal.response.result.*;
import java.io.*;
import java.lang.reflect.Modifier;
import java.net.*;
import java.nio.ByteBuffer;
import java.util.*;
import java.util.function.Supplier;
import java.util.zip.CRC32;
import net.jpountz.lz4.LZ4Factory;

/**
 * The protocol codec of DataStax' Java driver behind a pipe: a line asks, a line answers.
 *
 * <pre>
 * frame none|lz4 HEX          the frame encoded again, and what it says as JSON
 * random none|lz4 VERSION SEED a frame that Java makes by itself, and what it says
 * segments none|lz4 HEX,HEX   the segments around these frames, separated by commas
 * unwrap none|lz4 HEX         the payloads of segments: S (self-contained) or P (part), colon, hex
 * </pre>
 *
 * An exception answers with ERR, its class and its message.
 */
public class Codec {
  static final HexFormat HEX = HexFormat.of();
  static final Primitives PRIMITIVES = new Primitives();

  public static void main(String[] arguments) throws IOException {
    var in = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String answer;
      try {
        answer = answer(line.split(" "));
      } catch (Throwable e) {
        answer = "ERR " + e.getClass().getSimpleName() + " " + e.getMessage();
      }
      System.out.println(answer.replace('\n', ' '));
      System.out.flush();
    }
  }

  static String answer(String[] words) throws Exception {
    Compressor<Buffer> compressor = words[1].equals("lz4") ? new Lz4() : Compressor.none();
    switch (words[0]) {
      case "frame":
        return frame(compressor, HEX.parseHex(words[2]));
      case "random":
        int version = Integer.parseInt(words[2]);
        return told(compressor, new Maker(version, Long.parseLong(words[3])).frame());
      case "segments":
        return segments(compressor, words[2].split(","));
      case "unwrap":
        return unwrap(compressor, HEX.parseHex(words[2]));
      default:
        throw new IllegalArgumentException(words[0]);
    }
  }

  static FrameCodec<Buffer> codec(Compressor<Buffer> compressor, boolean server) {
    return server
        ? FrameCodec.defaultServer(PRIMITIVES, compressor)
        : FrameCodec.defaultClient(PRIMITIVES, compressor);
  }

  static String frame(Compressor<Buffer> compressor, byte[] raw) throws Exception {
    Buffer source = Buffer.of(raw);
    Frame frame = codec(compressor, raw[0] >= 0).decode(source);
    if ((raw[1] & ProtocolConstants.FrameFlag.COMPRESSED) == 0 && source.size() > 0) {
      throw new IllegalStateException(source.size() + " bytes left over");
    }
    return told(compressor, frame);
  }

  static String told(Compressor<Buffer> compressor, Frame frame) throws Exception {
    String json = Json.of(frame); // first, since encoding erases the tokens of passwords
    Buffer encoded = codec(compressor, frame.message.isResponse).encode(frame);
    return HEX.formatHex(encoded.rest()) + " " + json;
  }

  static String segments(Compressor<Buffer> compressor, String[] frames) {
    var out = new ArrayList<String>();
    var segmentCodec = new SegmentCodec<>(PRIMITIVES, compressor);
    boolean response = HEX.parseHex(frames[0])[0] < 0;
    var builder =
        new SegmentBuilder<Buffer, Integer>(PRIMITIVES, codec(Compressor.none(), response)) {
          @Override
          protected Integer mergeStates(List<Integer> states) {
            return 0;
          }

          @Override
          protected List<Integer> splitState(Integer state, int count) {
            return Collections.nCopies(count, state);
          }

          @Override
          protected void processSegment(Segment<Buffer> segment, Integer state) {
            var parts = new ArrayList<Object>();
            segmentCodec.encode(segment, parts);
            var hex = new StringBuilder();
            parts.forEach(part -> hex.append(HEX.formatHex(((Buffer) part).rest())));
            out.add(hex.toString());
          }
        };
    for (String hex : frames) {
      builder.addFrame(codec(Compressor.none(), !response).decode(Buffer.of(HEX.parseHex(hex))), 0);
    }
    builder.flush();
    return String.join(",", out);
  }

  static String unwrap(Compressor<Buffer> compressor, byte[] raw) throws Exception {
    var codec = new SegmentCodec<>(PRIMITIVES, compressor);
    var out = new ArrayList<String>();
    Buffer source = Buffer.of(raw);
    while (source.size() > 0) {
      var head = PRIMITIVES.readRetainedSlice(source, codec.headerLength() + codec.CRC24_LENGTH);
      var header = codec.decodeHeader(head);
      int length = header.payloadLength + codec.CRC32_LENGTH;
      var segment = codec.decode(header, PRIMITIVES.readRetainedSlice(source, length));
      out.add((segment.isSelfContained ? "S:" : "P:") + HEX.formatHex(segment.payload.rest()));
    }
    return String.join(" ", out);
  }

  /** Bytes to read from the front and to append to. */
  record Buffer(ByteBuffer bytes, int[] mark) {
    static Buffer of(byte[] content) {
      return of(ByteBuffer.wrap(content));
    }

    static Buffer of(ByteBuffer bytes) {
      return new Buffer(bytes, new int[1]);
    }

    int size() {
      return bytes.remaining();
    }

    byte[] rest() {
      byte[] found = new byte[size()];
      bytes.duplicate().get(found);
      return found;
    }

    byte[] take(int count) {
      byte[] found = new byte[count];
      bytes.get(found);
      return found;
    }

    ByteBuffer append(int count) {
      int end = bytes.limit();
      bytes.limit(end + count);
      return bytes.duplicate().position(end);
    }
  }

  /** The notations of the specification's section 3. */
  static class Primitives implements PrimitiveCodec<Buffer> {
    public Buffer allocate(int n) { return Buffer.of(ByteBuffer.allocate(n).limit(0)); }
    public void release(Buffer unused) {}
    public int sizeOf(Buffer in) { return in.size(); }
    public Buffer concat(Buffer a, Buffer b) { return Buffer.of(join(a.rest(), b.rest())); }
    public void markReaderIndex(Buffer in) { in.mark[0] = in.bytes.position(); }
    public void resetReaderIndex(Buffer in) { in.bytes.position(in.mark[0]); }
    public byte readByte(Buffer in) { return in.bytes.get(); }
    public int readInt(Buffer in) { return in.bytes.getInt(); }
    public int readInt(Buffer in, int at) { return in.bytes.getInt(in.bytes.position() + at); }
    public long readLong(Buffer in) { return in.bytes.getLong(); }
    public int readUnsignedShort(Buffer in) { return in.bytes.getShort() & 0xffff; }

    public InetAddress readInetAddr(Buffer in) {
      try {
        return InetAddress.getByAddress(in.take(in.bytes.get()));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** Reads [bytes] and [value] alike, since the codec asks for both by this name. */
    public ByteBuffer readBytes(Buffer in) {
      int size = in.bytes.getInt();
      if (size < 0) {
        return size == -2 ? ProtocolConstants.UNSET_VALUE : null;
      }
      return ByteBuffer.wrap(in.take(size));
    }

    public byte[] readShortBytes(Buffer in) { return in.take(readUnsignedShort(in)); }
    public String readString(Buffer in) { return new String(readShortBytes(in), UTF_8); }
    public String readLongString(Buffer in) { return new String(in.take(readInt(in)), UTF_8); }
    public Buffer readRetainedSlice(Buffer in, int size) { return Buffer.of(in.take(size)); }
    public void updateCrc(Buffer in, CRC32 crc) { crc.update(in.bytes.duplicate()); }
    public void writeByte(byte value, Buffer out) { out.append(1).put(value); }
    public void writeInt(int value, Buffer out) { out.append(4).putInt(value); }
    public void writeLong(long value, Buffer out) { out.append(8).putLong(value); }
    public void writeUnsignedShort(int value, Buffer out) { out.append(2).putShort((short) value); }

    public void writeInetAddr(InetAddress address, Buffer out) {
      byte[] raw = address.getAddress();
      writeByte((byte) raw.length, out);
      out.append(raw.length).put(raw);
    }

    public void writeString(String s, Buffer out) { writeShortBytes(s.getBytes(UTF_8), out); }
    public void writeLongString(String s, Buffer out) { writeBytes(s.getBytes(UTF_8), out); }

    public void writeBytes(ByteBuffer value, Buffer out) {
      writeInt(value == null ? -1 : value.remaining(), out);
      if (value != null) {
        out.append(value.remaining()).put(value.duplicate());
      }
    }

    public void writeBytes(byte[] value, Buffer out) { writeBytes(ByteBuffer.wrap(value), out); }

    public void writeShortBytes(byte[] value, Buffer out) {
      writeUnsignedShort(value.length, out);
      out.append(value.length).put(value);
    }
  }

  static byte[] join(byte[] left, byte[] right) {
    var out = new ByteArrayOutputStream();
    out.writeBytes(left);
    out.writeBytes(right);
    return out.toByteArray();
  }

  /** lz4 as frames (a length before the block) and segments (the bare block) have it. */
  static class Lz4 implements Compressor<Buffer> {
    final LZ4Factory factory = LZ4Factory.fastestInstance();

    public String algorithm() {
      return "lz4";
    }

    public Buffer compressWithoutLength(Buffer plain) {
      return Buffer.of(factory.fastCompressor().compress(plain.rest()));
    }

    public Buffer decompressWithoutLength(Buffer packed, int size) {
      byte[] found = new byte[size];
      byte[] raw = packed.rest();
      int made = factory.safeDecompressor().decompress(raw, 0, raw.length, found, 0);
      if (made != size) {
        throw new IllegalStateException(made + " bytes instead of " + size);
      }
      return Buffer.of(found);
    }

    public Buffer compress(Buffer plain) {
      byte[] size = ByteBuffer.allocate(4).putInt(plain.size()).array();
      return Buffer.of(join(size, compressWithoutLength(plain).rest()));
    }

    public Buffer decompress(Buffer packed) {
      int size = packed.bytes.getInt();
      return decompressWithoutLength(Buffer.of(packed.rest()), size);
    }
  }

  /** What an object of the codec says: its public fields, and those of the objects in them. */
  static class Json {
    static String of(Object value) throws ReflectiveOperationException {
      if (value == null || value instanceof Number || value instanceof Boolean) {
        return String.valueOf(value);
      }
      if (value instanceof byte[] bytes) {
        return text("0x" + HEX.formatHex(bytes));
      }
      if (value instanceof ByteBuffer bytes) {
        return value == ProtocolConstants.UNSET_VALUE
            ? text("UNSET")
            : of(Arrays.copyOf(bytes.array(), bytes.remaining()));
      }
      if (value instanceof int[] numbers) {
        return Arrays.toString(numbers);
      }
      if (value instanceof Collection<?> items) {
        var parts = new StringJoiner(",", "[", "]");
        for (Object item : items) {
          parts.add(of(item));
        }
        return parts.toString();
      }
      if (value instanceof Map<?, ?> map) {
        return pairs(map);
      }
      if (value instanceof InetSocketAddress address) {
        return of(List.of(address.getAddress(), address.getPort()));
      }
      if (value instanceof InetAddress address) {
        return of(address.getAddress());
      }
      boolean ours = value.getClass().getName().startsWith("com.datastax.");
      return ours ? pairs(fields(value)) : text(value.toString());
    }

    static Map<String, Object> fields(Object value) throws ReflectiveOperationException {
      var found = new TreeMap<String, Object>();
      found.put("class", value.getClass().getSimpleName());
      for (var field : value.getClass().getFields()) {
        if (!Modifier.isStatic(field.getModifiers())) {
          found.put(field.getName(), field.get(value));
        }
      }
      if (value instanceof Rows rows) {
        found.put("metadata", rows.getMetadata());
        found.put("data", rows.getData());
      }
      return found;
    }

    static String pairs(Map<?, ?> map) throws ReflectiveOperationException {
      var parts = new StringJoiner(",", "{", "}");
      for (var entry : map.entrySet()) {
        String key = of(entry.getKey());
        parts.add((key.startsWith("\"") ? key : text(key)) + ":" + of(entry.getValue()));
      }
      return parts.toString();
    }

    static String text(String value) {
      var out = new StringBuilder("\"");
      for (char each : value.toCharArray()) {
        boolean plain = each >= ' ' && each < 127 && each != '"' && each != '\\';
        out.append(plain ? String.valueOf(each) : String.format("\\u%04x", (int) each));
      }
      return out.append('"').toString();
    }
  }

  /** Makes messages by the constructors of the Java driver, at random but repeatably. */
  static class Maker {
    static final String[] TEXTS = {"", "a", "Zo\u00eb", "\u65e5\u672c", "\ud83d\ude00"};
    final int version;
    final Random random;

    Maker(int version, long seed) {
      this.version = version;
      this.random = new Random(seed);
    }

    List<Supplier<Message>> kinds() {
      return List.of(
            () -> new Query(text(), options()),
            () -> new Execute(bytes(16), bytes(version < 5 ? 0 : 8), options()),
            () -> new Prepare(text(), version < 5 ? null : maybe(text())),
            this::batch,
            () -> new Unavailable(text(), 4, number(), number()),
            () -> new WriteTimeout(text(), 6, number(), number(), "BATCH_LOG"),
            () -> new ReadTimeout(text(), 5, number(), number(), random.nextBoolean()),
            () -> new ReadFailure(text(), 1, 2, 3, reasons().size(), reasons(), true),
            () -> new WriteFailure(text(), 1, 2, 3, reasons().size(), reasons(), "VIEW"),
            () -> new StatusChangeEvent("UP", new InetSocketAddress(address(), 9042)),
            this::rows,
            () -> new Prepared(bytes(16), bytes(16), metadata(true), metadata(false)));
    }

    Frame frame() {
      var kinds = kinds();
      Message message = kinds.get(random.nextInt(kinds.size())).get();
      boolean modern = version >= 4;
      Map<String, ByteBuffer> payload = modern && random.nextBoolean() ? named() : Map.of();
      if (!message.isResponse) {
        return Frame.forRequest(version, number(), random.nextBoolean(), payload, message);
      }
      UUID trace = maybe(new UUID(random.nextLong(), random.nextLong()));
      List<String> warnings = modern && random.nextBoolean() ? List.of(text(), text()) : List.of();
      int stream = message instanceof StatusChangeEvent ? -1 : number();
      return Frame.forResponse(version, stream, trace, payload, warnings, message);
    }

    <T> T maybe(T value) {
      return random.nextBoolean() ? value : null;
    }

    int number() {
      return random.nextInt(32768);
    }

    String text() {
      return TEXTS[random.nextInt(TEXTS.length)];
    }

    byte[] bytes(int size) {
      byte[] found = new byte[size];
      random.nextBytes(found);
      return found;
    }

    ByteBuffer value() {
      ByteBuffer found = maybe(ByteBuffer.wrap(bytes(random.nextInt(9))));
      boolean unset = version >= 4 && random.nextInt(4) == 0;
      return unset ? ProtocolConstants.UNSET_VALUE : found;
    }

    InetAddress address() {
      try {
        return InetAddress.getByAddress(bytes(random.nextBoolean() ? 4 : 16));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    Map<InetAddress, Integer> reasons() {
      return version >= 5 ? Map.of(address(), number()) : Map.of();
    }

    Map<String, ByteBuffer> named() {
      var found = new LinkedHashMap<String, ByteBuffer>();
      for (String name : TEXTS) {
        found.put(name, maybe(ByteBuffer.wrap(bytes(3))));
      }
      return found;
    }

    List<ByteBuffer> values() {
      var found = new ArrayList<ByteBuffer>();
      for (int left = random.nextInt(4); left > 0; left--) {
        found.add(value());
      }
      return found;
    }

    QueryOptions options() {
      boolean byName = random.nextInt(4) == 0;
      return new QueryOptions(
          random.nextInt(11),
          byName ? List.of() : values(),
          byName ? named() : Map.of(),
          random.nextBoolean(),
          random.nextInt(3) * 100,
          maybe(ByteBuffer.wrap(bytes(9))),
          8 + random.nextInt(2),
          random.nextBoolean() ? QueryOptions.NO_DEFAULT_TIMESTAMP : random.nextLong(),
          version < 5 ? null : maybe(text()),
          version < 5 || random.nextBoolean() ? QueryOptions.NO_NOW_IN_SECONDS : number());
    }

    Batch batch() {
      QueryOptions options = options();
      return new Batch(
          (byte) random.nextInt(3),
          List.of(text(), bytes(16)),
          List.of(values(), values()),
          options.consistency,
          options.serialConsistency,
          options.defaultTimestamp,
          options.keyspace,
          options.nowInSeconds);
    }

    RawType type(int depth) {
      var simple = new ArrayList<>(RawType.PRIMITIVES.values());
      RawType leaf = simple.get(random.nextInt(simple.size()));
      if (depth == 0) {
        return leaf;
      }
      return switch (random.nextInt(7)) {
        case 0 -> new RawType.RawList(type(depth - 1));
        case 1 -> new RawType.RawSet(type(depth - 1));
        case 2 -> new RawType.RawMap(type(depth - 1), type(depth - 1));
        case 3 -> new RawType.RawTuple(List.of(type(depth - 1), type(depth - 1)));
        case 4 -> new RawType.RawUdt("ks", text(), Map.of("f", type(depth - 1)));
        case 5 -> new RawType.RawCustom("com.example.Thing");
        default -> leaf;
      };
    }

    RowsMetadata metadata(boolean markers) {
      var columns = new ArrayList<ColumnSpec>();
      for (int n = 0; n < 3; n++) {
        columns.add(new ColumnSpec("ks", random.nextInt(3) > 0 ? "t" : "u", "c", n, type(3)));
      }
      ByteBuffer state = markers ? null : maybe(ByteBuffer.wrap(bytes(5)));
      byte[] newId = markers || version < 5 ? null : maybe(bytes(16));
      int[] indexes = markers && version >= 4 ? maybe(new int[] {2, 0}) : null;
      return !markers && random.nextInt(4) == 0
          ? new RowsMetadata(3, state, null, newId)
          : new RowsMetadata(columns, state, indexes, newId);
    }

    DefaultRows rows() {
      var rows = new ArrayDeque<List<ByteBuffer>>();
      for (int left = random.nextInt(4); left > 0; left--) {
        rows.add(Arrays.asList(maybe(ByteBuffer.wrap(bytes(4))), null, ByteBuffer.wrap(bytes(0))));
      }
      return new DefaultRows(metadata(false), rows);
    }
  }
}
