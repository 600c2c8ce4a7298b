// TLS: handshakes, names and certificates, bytes, ends, and everything that can go wrong with them.
#include <gmock/gmock.h>

#include <atomic>
#include <gofer/gofer.hpp>
#include <string>
#include <vector>

#include "tls_util.hpp"

namespace {

using namespace tls_test;
namespace io = gofer::io;
using testing::HasSubstr;

TEST(Tls, BothVersionsAgreeOnWhatTheySay) {
  on_procs([] {
    for (const std::uint16_t version : {tls::version_tls12, tls::version_tls13}) {
      tls::config client = client_config();
      client.max_version = version;
      client.next_protos = {"h2", "http/1.1"};
      tls::config server = server_config();
      server.next_protos = {"http/1.1", "h2"};
      const tls_pair p = shaken(client, server);
      for (const tls::conn& end : {p.client, p.server}) {
        const tls::connection_state s = end.connection_state();
        EXPECT_TRUE(s.handshake_complete);
        EXPECT_EQ(s.version, version) << tls::version_name(s.version);
        EXPECT_EQ(s.negotiated_protocol, "http/1.1");
        EXPECT_EQ(s.server_name, "gofer.test");
        EXPECT_THAT(s.cipher_suite, HasSubstr("TLS_"));
        EXPECT_FALSE(s.did_resume);
      }
      const auto seen = p.client.connection_state().peer_certificates;
      ASSERT_EQ(seen.size(), 1U);
      EXPECT_EQ(seen[0].subject, "CN=gofer.test");
      EXPECT_EQ(seen[0].issuer, "CN=Test authority");
      EXPECT_THAT(seen[0].dns_names, testing::ElementsAre("gofer.test"));
      EXPECT_THAT(seen[0].ip_addresses, testing::ElementsAre("127.0.0.1"));
      EXPECT_LT(seen[0].not_before, seen[0].not_after);
      EXPECT_THAT(seen[0].pem, HasSubstr("BEGIN CERTIFICATE"));
    }
  });
}

TEST(Tls, EchoOfEverySize) {
  on_procs([] {
    const tls_pair p = ends(client_config(), server_config());
    gofer::go([c = p.server] {
      EXPECT_FALSE(io::copy(c, c).err);
      c.close();
    });
    std::string sent;
    for (const std::size_t size : {1u, 2u, 100u, 16384u, 16385u, 65536u, 1u << 20}) {
      sent.resize(size);
      for (std::size_t i = 0; i < size; i++) sent[i] = static_cast<char>(i * 7 + size);
      gofer::go([c = p.client, sent] {
        const auto put = c.write(sent);
        EXPECT_FALSE(put.err) << put.err;
        EXPECT_EQ(put.value, sent.size());
      });
      std::string got(size, '\0');
      const auto n = io::read_full(p.client, got);
      EXPECT_FALSE(n.err) << n.err;
      EXPECT_TRUE(got == sent);
    }
    EXPECT_FALSE(p.client.close_write());
    EXPECT_EQ(p.client.write("too late").err.what(), "tls: protocol is shutdown");
    char c;
    EXPECT_EQ(p.client.read({&c, 1}).err, io::eof);
    EXPECT_FALSE(p.client.close());
    EXPECT_TRUE(gofer::is(p.client.close(), net::err_closed));
    EXPECT_TRUE(gofer::is(p.client.read({&c, 1}).err, net::err_closed));
    EXPECT_TRUE(gofer::is(p.client.write("x").err, net::err_closed));
  });
}

TEST(Tls, WorksOnPlainThreads) {
  const tls::listener l = gofer::must(tls::listen("tcp", "127.0.0.1:0", server_config()));
  std::thread server([&] {
    const tls::conn c = gofer::must(l.accept());
    io::copy(c, c);
  });
  const tls::conn c = gofer::must(tls::dial("tcp", l.addr().str(), {.root_cas = trusting(authority())}));
  EXPECT_FALSE(c.write("hello\nworld").err);
  EXPECT_EQ(gofer::must(io::read_line(c)), "hello");
  EXPECT_FALSE(c.close_write());
  EXPECT_EQ(gofer::must(io::read_all(c)), "world");
  c.close();
  server.join();
}

TEST(Tls, ServersChooseTheirCertificateByName) {
  on_procs([] {
    tls::config server = server_config({.name = "a.test", .alternative_names = "DNS:a.test"});
    server.certificates.push_back(
        usable(issue({.name = "b.test", .alternative_names = "DNS:*.b.test", .signer = &authority()})));
    server.get_certificate = [](const tls::client_hello_info& hello) -> gofer::result<tls::certificate> {
      gofer::gosched();  // it may block
      if (hello.server_name == "denied.test") return {{}, gofer::make_error("denied by the test")};
      if (hello.server_name != "asked.test") return {};
      EXPECT_THAT(hello.supported_protos, testing::ElementsAre("x", "y"));
      EXPECT_TRUE(hello.remote_addr);
      return {usable(issue({.name = "asked.test", .alternative_names = "DNS:asked.test", .signer = &authority()})), {}};
    };
    for (const auto& [name, subject] : std::vector<std::pair<std::string, std::string>>{{"a.test", "CN=a.test"},
                                                                                        {"x.b.test", "CN=b.test"},
                                                                                        {"asked.test", "CN=asked.test"},
                                                                                        {"other", "CN=a.test"}}) {
      tls::config client = client_config();
      client.server_name = name;
      client.next_protos = {"x", "y"};
      client.insecure_skip_verify = name == "other";
      const tls_pair p = shaken(client, server);
      EXPECT_EQ(p.client.connection_state().peer_certificates.at(0).subject, subject);
      EXPECT_EQ(p.server.connection_state().server_name, name);
    }
    tls::config client = client_config();
    client.server_name = "denied.test";
    const outcome o = shake(ends(client, server));
    EXPECT_EQ(o.server.what(), "denied by the test");
    EXPECT_EQ(o.client.what(), "remote error: tls: internal error");
  });
}

TEST(Tls, CertificatesThatDoNotPass) {
  on_procs([] {
    struct {
      wish certificate;
      std::string name;
      bool trusted;
      std::string expected;
    } cases[] = {
        {{}, "gofer.test", false, "x509: certificate signed by unknown authority"},
        {{}, "other.test", true, "x509: certificate is valid for gofer.test, not other.test"},
        {{}, "127.0.0.2", true, "x509: certificate is valid for 127.0.0.1, not 127.0.0.2"},
        {{.alternative_names = "DNS:gofer.test"},
         "127.0.0.1",
         true,
         "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs"},
        {{.alternative_names = ""},
         "gofer.test",
         true,
         "x509: certificate is not valid for any names, but wanted to match gofer.test"},
        {{.begins = -7200, .ends = -3600},
         "gofer.test",
         true,
         "x509: certificate has expired or is not yet valid: current time "},
        {{.begins = 3600, .ends = 7200},
         "gofer.test",
         true,
         "x509: certificate has expired or is not yet valid: current time "},
    };
    for (const auto& c : cases) {
      for (const std::uint16_t version : {tls::version_tls12, tls::version_tls13}) {
        tls::config client{.server_name = c.name, .root_cas = tls::cert_pool(), .max_version = version};
        if (c.trusted) client.root_cas = trusting(authority());
        const outcome o = shake(ends(client, server_config(c.certificate)));
        EXPECT_THAT(o.client.what(), HasSubstr("tls: failed to verify certificate: " + c.expected));
        EXPECT_NE(gofer::as<tls::certificate_verification_error>(o.client), nullptr);
        EXPECT_THAT(gofer::unwrap(o.client).what(), HasSubstr("certificate verify failed"));
        EXPECT_THAT(o.server.what(), HasSubstr("remote error: tls: ")) << c.expected;
        EXPECT_NE(gofer::as<tls::alert_error>(o.server), nullptr);
      }
    }
    tls::config careless{.insecure_skip_verify = true};
    shaken(careless, server_config({.begins = -7200, .ends = -3600}));
  });
}

TEST(Tls, ClientsShowCertificates) {
  on_procs([] {
    const pem_pair stranger_authority = issue({.name = "Stranger", .alternative_names = "", .authority = true});
    const auto with = [&](const pem_pair* signer) {
      tls::config c = client_config();
      if (signer != nullptr) c.certificates = {usable(issue({.name = "client", .signer = signer}))};
      return c;
    };
    for (const std::uint16_t version : {tls::version_tls12, tls::version_tls13}) {
      tls::config server = server_config();
      server.max_version = version;
      server.client_cas = trusting(authority());
      using enum tls::client_auth_type;
      struct {
        tls::client_auth_type wanted;
        const pem_pair* signer;
        std::string expected;
      } cases[] = {
          {no_client_cert, &authority(), ""},
          {request_client_cert, nullptr, ""},
          {request_client_cert, &stranger_authority, ""},
          {require_any_client_cert, &stranger_authority, ""},
          {require_any_client_cert, nullptr, "tls: client didn't provide a certificate"},
          {verify_client_cert_if_given, nullptr, ""},
          {verify_client_cert_if_given, &authority(), ""},
          {verify_client_cert_if_given, &stranger_authority,
           "tls: failed to verify certificate: x509: certificate signed by unknown authority"},
          {require_and_verify_client_cert, &authority(), ""},
          {require_and_verify_client_cert, nullptr, "tls: client didn't provide a certificate"},
      };
      for (const auto& c : cases) {
        server.client_auth = c.wanted;
        const tls_pair p = ends(with(c.signer), server);
        const outcome o = shake(p);
        EXPECT_THAT(o.server ? o.server.what() : "", HasSubstr(c.expected)) << static_cast<int>(c.wanted);
        EXPECT_EQ(!o.server, c.expected.empty()) << o.server;
        const bool shown = c.signer != nullptr && c.wanted != no_client_cert;
        if (!o.server) {
          EXPECT_EQ(p.server.connection_state().peer_certificates.size(), shown ? 1U : 0U);
        } else {
          char byte;
          const gofer::error at_the_client = o.client ? o.client : p.client.read({&byte, 1}).err;
          EXPECT_THAT(at_the_client.what(), HasSubstr("remote error: tls: "));
        }
      }
    }
  });
}

TEST(Tls, TheLastWordIsTheUsers) {
  on_procs([] {
    tls::config client = client_config();
    client.verify_connection = [](const tls::connection_state& s) {
      EXPECT_TRUE(s.handshake_complete);
      EXPECT_EQ(s.peer_certificates.size(), 1U);
      return gofer::make_error("not by the test's taste");
    };
    const tls_pair p = ends(client, server_config());
    EXPECT_EQ(shake(p).client.what(), "not by the test's taste");
    EXPECT_EQ(p.client.write("x").err.what(), "not by the test's taste");
  });
}

TEST(Tls, ProtocolsAndVersionsThatDoNotMeet) {
  on_procs([] {
    tls::config client = client_config();
    client.next_protos = {"x", "y"};
    tls::config server = server_config();
    server.next_protos = {"z"};
    outcome o = shake(ends(client, server));
    EXPECT_THAT(o.server.what(), HasSubstr("tls: client requested unsupported application protocols ([x y]): error:"));
    EXPECT_EQ(o.client.what(), "remote error: tls: no application protocol");
    client.next_protos = {};
    shaken(client, server);
    client.next_protos = {"http/1.1"};
    server.next_protos = {"h2"};
    EXPECT_EQ(shaken(client, server).client.connection_state().negotiated_protocol, "");
    client.max_version = tls::version_tls12;
    server.min_version = tls::version_tls13;
    o = shake(ends(client, server));
    EXPECT_THAT(o.server.what(), HasSubstr("tls: client offered only unsupported versions: error:"));
    EXPECT_EQ(o.client.what(), "remote error: tls: protocol version not supported");
  });
}

TEST(Tls, WrongConfigsSaySo) {
  gofer::run([] {
    EXPECT_EQ(tls::listen("tcp", "127.0.0.1:0", {}).err.what(),
              "tls: neither certificates nor get_certificate set in config");
    tls::config server = server_config();
    server.min_version = tls::version_tls13;
    server.max_version = tls::version_tls12;
    EXPECT_EQ(tls::listen("tcp", "127.0.0.1:0", server).err.what(),
              "tls: no supported versions satisfy min_version and max_version");
    server = server_config();
    server.next_protos = {""};
    EXPECT_EQ(tls::listen("tcp", "127.0.0.1:0", server).err.what(), "tls: invalid next_protos value");
    const outcome o = shake(ends({}, server_config()));
    EXPECT_EQ(o.client.what(), "tls: either server_name or insecure_skip_verify must be specified in the config");
    const pem_pair a = issue(), b = issue();
    EXPECT_THAT(tls::x509_key_pair(a.certificate, b.key).err.what(),
                HasSubstr("tls: private key does not match public key"));
    EXPECT_THAT(tls::x509_key_pair("nonsense", b.key).err.what(),
                HasSubstr("tls: failed to find any PEM data in certificate input"));
    EXPECT_THAT(tls::x509_key_pair(a.certificate, a.certificate).err.what(),
                HasSubstr("tls: failed to find any PEM data in key input"));
    const auto missing = tls::load_key_pair("/nowhere/cert.pem", "/nowhere/key.pem");
    EXPECT_EQ(missing.err.what(), "open /nowhere/cert.pem: no such file or directory");
    EXPECT_TRUE(gofer::is(missing.err, std::errc::no_such_file_or_directory));
    tls::cert_pool pool;
    EXPECT_THAT(pool.add_pem("nonsense").what(), HasSubstr("x509: no certificate found in PEM data"));
    EXPECT_TRUE(gofer::is(tls::conn().handshake(), net::err_closed));
    EXPECT_TRUE(gofer::is(tls::listener().accept().err, net::err_closed));
  });
}

TEST(Tls, CertificatesAreReadAgainWhileServing) {
  on_procs([] {
    const scratch folder;
    const auto put = [&](const char* name) {
      const pem_pair p = issue({.name = name, .signer = &authority()});
      folder.file("cert.pem", p.certificate);
      return folder.file("key.pem", p.key);
    };
    const std::string key = put("first");
    const std::string certificate =
        folder.file("unused", "").replace(0, std::string::npos, key.substr(0, key.rfind('/')) + "/cert.pem");
    const auto files = gofer::must(tls::reloading_key_pair::load(certificate, key));
    const tls::listener l = gofer::must(tls::listen("tcp", "127.0.0.1:0", {.get_certificate = files}));
    gofer::go([l] {
      for (;;) {
        const auto [c, err] = l.accept();
        if (err) return;
        gofer::go([c = c] { io::copy(c, c); });
      }
    });
    const auto subject = [&] {
      const tls::conn c = gofer::must(tls::dial("tcp", l.addr().str(), client_config()));
      return c.connection_state().peer_certificates.at(0).subject;
    };
    const tls::conn old = gofer::must(tls::dial("tcp", l.addr().str(), client_config()));
    EXPECT_EQ(subject(), "CN=first");
    put("second");
    EXPECT_EQ(subject(), "CN=first");
    EXPECT_FALSE(files.reload());
    EXPECT_EQ(subject(), "CN=second");
    folder.file("key.pem", "nonsense");
    EXPECT_THAT(files.reload().what(), HasSubstr("tls: failed to find any PEM data in key input"));
    EXPECT_EQ(subject(), "CN=second");
    EXPECT_FALSE(l.reload(server_config({.name = "third"})));
    EXPECT_EQ(subject(), "CN=third");
    EXPECT_TRUE(l.reload({}));
    EXPECT_EQ(subject(), "CN=third");
    EXPECT_FALSE(old.write("still").err);
    char still[5];
    EXPECT_FALSE(io::read_full(old, still).err);
    l.close();
  });
}

TEST(Tls, WhatIsNoTls) {
  on_procs([] {
    {
      const pair p = connected();
      const tls::conn server = tls::server(p.server, server_config());
      p.client.write("GET / HTTP/1.1\r\n\r\n");
      const gofer::error err = server.handshake();
      EXPECT_EQ(err.what(), "tls: first record does not look like a TLS handshake");
      ASSERT_NE(gofer::as<tls::record_header_error>(err), nullptr);
      EXPECT_EQ(gofer::as<tls::record_header_error>(err)->header, "GET /");
      char byte;
      EXPECT_EQ(server.read({&byte, 1}).err.what(), err.what());
    }
    {
      const pair p = connected();
      const tls::conn client = tls::client(p.client, client_config());
      p.server.write("220 mail.test ready\r\n");
      EXPECT_EQ(client.handshake().what(), "tls: first record does not look like a TLS handshake");
    }
    {
      const pair p = connected();
      const tls::conn server = tls::server(p.server, server_config());
      p.client.write(std::string("\x16\x03\x01\x00\x20", 5) + std::string(32, 'x'));
      EXPECT_THAT(server.handshake().what(), HasSubstr("tls: "));
    }
  });
}

TEST(Tls, HandshakesThatAreCutOff) {
  on_procs([] {
    const pair p = connected();
    const tls::conn client = tls::client(p.client, client_config());
    gofer::go([client] { client.handshake(); });
    std::string hello(5, '\0');
    EXPECT_FALSE(io::read_full(p.server, hello).err);
    hello.resize(5 + static_cast<unsigned char>(hello[3]) * 256U + static_cast<unsigned char>(hello[4]));
    EXPECT_FALSE(io::read_full(p.server, std::span<char>(hello).subspan(5)).err);
    p.server.close();
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{60}, hello.size()}) {
      const pair q = connected();
      const tls::conn server = tls::server(q.server, server_config());
      q.client.write(hello.substr(0, length));
      q.client.close_write();
      EXPECT_EQ(server.handshake(), io::err_unexpected_eof) << length;
      EXPECT_EQ(server.handshake(), io::err_unexpected_eof) << length;
    }
  });
}

TEST(Tls, PeersThatSayNothing) {
  on_procs([] {
    const pair p = connected();
    const tls::conn server = tls::server(p.server, server_config());
    server.set_deadline(clock::now() + 20ms);
    EXPECT_TRUE(net::is_timeout(server.handshake()));

    const pair q = connected();
    const tls::conn client = tls::client(q.client, client_config());
    const auto [ctx, cancel] = gofer::with_timeout(gofer::background(), 20ms);
    EXPECT_EQ(client.handshake(ctx), gofer::context::deadline_exceeded);
    EXPECT_TRUE(gofer::is(client.read({}).err, net::err_closed));
    cancel();

    const net::listener silent = gofer::must(net::listen("tcp", "127.0.0.1:0"));
    EXPECT_TRUE(net::is_timeout(tls::dial("tcp", silent.addr().str(), client_config(), 20ms).err));
    const auto [ctx2, cancel2] = gofer::with_cancel(gofer::background());
    gofer::go([silent, cancel2 = cancel2] {
      silent.accept();  // the one that was given up
      const net::conn c = gofer::must(silent.accept());
      char byte;
      c.read({&byte, 1});  // it has begun
      cancel2();
    });
    EXPECT_EQ(tls::dial("tcp", silent.addr().str(), client_config(), ctx2).err, gofer::context::canceled);

    const tls_pair r = shaken(client_config(), server_config());
    r.client.set_read_deadline(clock::now() + 20ms);
    char byte;
    EXPECT_TRUE(gofer::is(r.client.read({&byte, 1}).err, gofer::os::err_deadline_exceeded));
    r.client.set_read_deadline({});
    r.server.write("x");
    EXPECT_EQ(r.client.read({&byte, 1}).value, 1U);  // a read may be tried again
    r.client.set_write_deadline(clock::now() + 20ms);
    const std::string much(16 << 20, 'x');
    EXPECT_TRUE(gofer::is(r.client.write(much).err, gofer::os::err_deadline_exceeded));
    r.client.set_write_deadline({});
    EXPECT_TRUE(gofer::is(r.client.write("x").err, gofer::os::err_deadline_exceeded));  // a write may not
  });
}

TEST(Tls, AnEndThatIsSaidAndOneThatIsNot) {
  on_procs([] {
    char byte;
    {
      const tls_pair p = shaken(client_config(), server_config());
      p.client.close();
      EXPECT_EQ(p.server.read({&byte, 1}).err, io::eof);
    }
    {
      const pair below = connected();
      const tls::conn client = tls::client(below.client, client_config());
      const tls::conn server = tls::server(below.server, server_config());
      const outcome o = shake({client, server});
      EXPECT_FALSE(o.server);
      client.write("x");
      EXPECT_EQ(server.read({&byte, 1}).value, 1U);
      below.client.close_write();
      EXPECT_EQ(server.read({&byte, 1}).err, io::err_unexpected_eof);
      EXPECT_EQ(server.read({&byte, 1}).err, io::err_unexpected_eof);
    }
    {
      tls::conn server;
      {
        tls_pair p = shaken(client_config(), server_config());
        server = p.server;
      }  // the last handle of the client goes
      EXPECT_EQ(server.read({&byte, 1}).err, io::eof);
    }
  });
}

TEST(Tls, ATamperedRecordIsNoticed) {
  on_procs([] {
    const pair left = connected(), right = connected();
    gofer::go([=] { io::copy(left.server, right.client); });
    gofer::chan<> tamper{0};
    gofer::go([=] {
      char piece[4096];
      for (bool bad = false;;) {
        const auto got = left.server.read(piece);
        if (got.err) return;
        if (tamper.try_recv() == gofer::recv_status::closed) bad = true;
        if (bad) piece[got.value - 1] ^= 1;
        right.client.write(std::span<const char>(piece, got.value));
      }
    });
    const tls_pair p{tls::client(left.client, client_config()), tls::server(right.server, server_config())};
    const outcome o = shake(p);
    EXPECT_FALSE(o.client) << o.client;
    EXPECT_FALSE(o.server) << o.server;
    tamper.close();
    p.client.write("hello");
    char byte;
    const gofer::error err = p.server.read({&byte, 1}).err;
    EXPECT_THAT(err.what(), HasSubstr("decryption failed or bad record mac"));
    EXPECT_EQ(p.client.read({&byte, 1}).err.what(), "remote error: tls: bad record MAC");
    for (const net::conn& c : {left.client, left.server, right.client, right.server}) c.close();
  });
}

TEST(Tls, CloseEndsWhatIsBlocked) {
  on_procs([] {
    const tls_pair p = shaken(client_config(), server_config());
    gofer::wait_group all;
    all.go([&] {
      char byte;
      EXPECT_TRUE(gofer::is(p.client.read({&byte, 1}).err, net::err_closed));
    });
    all.go([&] {
      const std::string much(16 << 20, 'x');
      EXPECT_TRUE(gofer::is(p.client.write(much).err, net::err_closed));
    });
    char piece[1024];
    EXPECT_FALSE(p.server.read(piece).err);  // the write is under way
    p.client.close();
    all.wait();
  });
}

TEST(Tls, AContextEndsOneCallAndTheConnectionGoesOn) {
  on_procs([] {
    const tls_pair p = shaken(client_config(), server_config());
    auto [ctx, cancel] = gofer::with_cancel(gofer::background());
    gofer::wait_group reader;
    reader.go([&p, ctx = ctx] {
      char byte;
      EXPECT_TRUE(gofer::is(p.client.read(ctx, {&byte, 1}).err, gofer::context::canceled));
      EXPECT_TRUE(gofer::is(p.client.read_line(ctx, 100).err, gofer::context::canceled));
    });
    gofer::gosched();
    cancel();
    reader.wait();
    EXPECT_FALSE(p.server.write("a line\nand more").err);
    EXPECT_EQ(p.client.read_line(100).value, "a line");
    // A write that is cut off may have left half a record behind: there is no next one.
    auto [soon, stop] = gofer::with_cancel(gofer::background());
    gofer::wait_group writer;
    writer.go([&p, ctx = soon] {
      const std::string much(16 << 20, 'x');
      EXPECT_TRUE(gofer::is(p.client.write(ctx, much).err, gofer::context::canceled));
      EXPECT_TRUE(gofer::is(p.client.write("x").err, gofer::context::canceled));
    });
    char piece[1024];
    EXPECT_FALSE(p.server.read(piece).err);
    stop();
    writer.wait();
    p.client.close();
    p.server.close();
  });
}

TEST(Tls, AHundredConnectionsBothWaysAtOnce) {
  on_procs([] {
    const tls::listener l = gofer::must(tls::listen("tcp", "127.0.0.1:0", server_config()));
    gofer::go([l] {
      for (;;) {
        const auto [c, err] = l.accept();
        if (err) return;
        gofer::go([c = c] {
          EXPECT_FALSE(io::copy(c, c).err);
          c.close();
        });
      }
    });
    gofer::wait_group all;
    std::atomic<int> good{0};
    const tls::config config = client_config();
    for (int i = 0; i < 100; i++) {
      all.go([&, i] {
        const auto [c, err] = tls::dial("tcp", l.addr().str(), config);
        EXPECT_FALSE(err) << err;
        if (err) return;
        const std::string sent(20'000 + static_cast<std::size_t>(i), static_cast<char>('a' + i % 26));
        gofer::go([c = c, &sent] {
          for (std::size_t at = 0; at < sent.size(); at += 3000) c.write(std::string_view(sent).substr(at, 3000));
          EXPECT_FALSE(c.close_write());
        });
        const auto got = io::read_all(c);
        EXPECT_FALSE(got.err) << got.err;
        good += got.value == sent ? 1 : 0;
      });
    }
    all.wait();
    EXPECT_EQ(good, 100);
    l.close();
  });
}

TEST(Tls, ResumesSessionsOfOtherClients) {
  // gofer's client keeps no sessions, as Go's does not by default; openssl's does.
  if (std::system("command -v openssl >/dev/null") != 0) GTEST_SKIP() << "no openssl command (package openssl)";
  const scratch folder;
  gofer::run([&] {
    const tls::listener l = gofer::must(tls::listen("tcp", "127.0.0.1:0", server_config()));
    gofer::chan<bool> resumed{16};
    gofer::go([l, resumed] {
      for (;;) {
        const auto [c, err] = l.accept();
        if (err) return;
        gofer::go([c = c, resumed] {
          const auto line = io::read_line(c);
          resumed.send(c.connection_state().did_resume);
          c.write("you said " + line.value + "\n");
          c.close();
        });
      }
    });
    const std::string file = folder.file("session", "");
    const std::string ca = folder.file("ca.pem", authority().certificate);
    for (const char* version : {"-tls1_2", "-tls1_3"}) {
      for (const char* session : {"-sess_out ", "-sess_in "}) {
        const std::string command = "echo hello | timeout 60 openssl s_client -quiet " + std::string(version) +
                                    " -verify_return_error -CAfile " + ca + " -verify_hostname gofer.test " + session +
                                    file + " -connect " + l.addr().str() + " 2>&1 | grep 'you said hello'";
        EXPECT_EQ(gofer::blocking([&] { return std::system(command.c_str()); }), 0) << command;
        EXPECT_EQ(*resumed.recv(), session[6] == 'i') << version;
      }
    }
    l.close();
  });
}

}  // namespace
