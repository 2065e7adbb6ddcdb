#include "main/commands/file_digest.hpp"

#include "base/file_descriptor.hpp"
#include "main/user_error.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <unistd.h>
#include <vector>

namespace cepa::main {
namespace {

constexpr std::size_t kChunk = std::size_t{8} << 20U;

class Sha256 {
public:
    Sha256() : context_(::EVP_MD_CTX_new(), ::EVP_MD_CTX_free)
    {
        ::EVP_DigestInit_ex(context_.get(), ::EVP_sha256(), nullptr);
    }
    void add(const void* bytes, std::size_t size) { ::EVP_DigestUpdate(context_.get(), bytes, size); }
    [[nodiscard]] std::string hex()
    {
        std::array<unsigned char, 32> out{};
        ::EVP_DigestFinal_ex(context_.get(), out.data(), nullptr);
        return fmt::format("{:02x}", fmt::join(out, ""));
    }

private:
    std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> context_;
};

[[noreturn]] void refuse(const std::filesystem::path& file, int error)
{
    throw UserError(fmt::format("{}: {}", file.string(), std::strerror(error)));
}

void check(const KeepGoing& keep_going)
{
    if (!keep_going()) throw UserError("interrupted");
}

/// A key from the system and a stream cipher: random enough, and as fast as the disk.
void fill(std::vector<unsigned char>& chunk, const std::array<unsigned char, crypto_stream_chacha20_KEYBYTES>& key,
          std::uint64_t number)
{
    std::array<unsigned char, crypto_stream_chacha20_NONCEBYTES> nonce{};
    std::memcpy(nonce.data(), &number, sizeof number);
    crypto_stream_chacha20(chunk.data(), chunk.size(), nonce.data(), key.data());
}

void write_all(const FileDescriptor& to, const std::filesystem::path& file, const unsigned char* bytes,
               std::size_t size)
{
    while (size > 0) {
        const ssize_t n = ::write(to.get(), bytes, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            const int error = errno;
            ::unlink(file.c_str());
            refuse(file, error);
        }
        bytes += n;
        size -= static_cast<std::size_t>(n);
    }
}

} // namespace

std::string sha256_of_file(const std::filesystem::path& file, const KeepGoing& keep_going)
{
    const FileDescriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!in.valid()) refuse(file, errno);
    Sha256 hash;
    std::vector<unsigned char> chunk(kChunk);
    for (;;) {
        const ssize_t n = ::read(in.get(), chunk.data(), chunk.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) refuse(file, errno);
        if (n == 0) return hash.hex();
        hash.add(chunk.data(), static_cast<std::size_t>(n));
        check(keep_going);
    }
}

std::string write_random_file(const std::filesystem::path& file, std::uint64_t bytes, const KeepGoing& keep_going)
{
    if (sodium_init() < 0) throw UserError("libsodium finds no source of randomness");
    std::array<unsigned char, crypto_stream_chacha20_KEYBYTES> key{};
    randombytes_buf(key.data(), key.size());
    const FileDescriptor out(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!out.valid()) refuse(file, errno);
    Sha256 hash;
    std::vector<unsigned char> chunk;
    for (std::uint64_t number = 0; bytes > 0; ++number) {
        chunk.resize(std::min<std::uint64_t>(bytes, kChunk));
        fill(chunk, key, number);
        hash.add(chunk.data(), chunk.size());
        write_all(out, file, chunk.data(), chunk.size());
        bytes -= chunk.size();
        check(keep_going);
    }
    return hash.hex();
}

} // namespace cepa::main
