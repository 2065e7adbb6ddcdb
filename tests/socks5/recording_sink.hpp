// A DatagramSink that remembers what it was told, and can send everything straight back.
#pragma once

#include "socks5/datagram_sink.hpp"

#include <vector>

namespace cepa::socks5::test {

class RecordingSink : public DatagramSink {
public:
    struct Opened {
        AssociationId id;
        Route route;
        DatagramReturn* back;
    };
    struct Received {
        AssociationId id;
        Address destination;
        Bytes payload;
        std::size_t headroom;
        std::size_t tailroom;
    };

    void on_opened(AssociationId association, const Route& route, DatagramReturn& back) override
    {
        opened.push_back({association, route, &back});
    }
    void on_closed(AssociationId association) override { closed.push_back(association); }
    void on_datagram(AssociationId association, const Address& destination, PacketBuffer& payload) override
    {
        received.push_back({association, destination, Bytes(payload.bytes().begin(), payload.bytes().end()),
                            payload.headroom(), payload.tailroom()});
        if (!echo || opened.empty()) return;
        opened.back().back->send_to_client(destination, payload);
        to_flush = opened.back().back;
    }
    void on_batch_end() override
    {
        ++batches;
        if (to_flush != nullptr) to_flush->flush();
        to_flush = nullptr;
    }

    std::vector<Opened> opened;
    std::vector<AssociationId> closed;
    std::vector<Received> received;
    std::size_t batches = 0;
    bool echo = false;

private:
    DatagramReturn* to_flush = nullptr;
};

} // namespace cepa::socks5::test
