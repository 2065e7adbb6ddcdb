#include "proto/change_frame.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/message_differencer.h>

#include <cassert>
#include <set>
#include <string>
#include <utility>

namespace cepa::proto {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::util::MessageDifferencer;

/// A quarter of what fits into a message: one more object fits on top in any case.
constexpr std::size_t kSyncSize = 256 * 1024;

/// Calls `use` with the reflection's getter and setter for a single value of the field's type.
template <class Use>
bool with_accessors(const FieldDescriptor* field, Use use)
{
    switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: return use(&Reflection::GetInt32, &Reflection::SetInt32);
    case FieldDescriptor::CPPTYPE_INT64: return use(&Reflection::GetInt64, &Reflection::SetInt64);
    case FieldDescriptor::CPPTYPE_UINT32: return use(&Reflection::GetUInt32, &Reflection::SetUInt32);
    case FieldDescriptor::CPPTYPE_UINT64: return use(&Reflection::GetUInt64, &Reflection::SetUInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE: return use(&Reflection::GetDouble, &Reflection::SetDouble);
    case FieldDescriptor::CPPTYPE_FLOAT: return use(&Reflection::GetFloat, &Reflection::SetFloat);
    case FieldDescriptor::CPPTYPE_BOOL: return use(&Reflection::GetBool, &Reflection::SetBool);
    case FieldDescriptor::CPPTYPE_ENUM: return use(&Reflection::GetEnumValue, &Reflection::SetEnumValue);
    case FieldDescriptor::CPPTYPE_STRING: return use(&Reflection::GetString, &Reflection::SetString);
    case FieldDescriptor::CPPTYPE_MESSAGE: break;
    }
    return false;
}

/// Copies a value that is not set in `last` or set to another one.
bool diff_value(const Message& last, const Message& current, const FieldDescriptor* field, Message& change)
{
    const Reflection* reflection = current.GetReflection();
    return with_accessors(field, [&](auto get, auto set) {
        auto value = (reflection->*get)(current, field);
        if (reflection->HasField(last, field) && (reflection->*get)(last, field) == value) return false;
        (reflection->*set)(&change, field, std::move(value));
        return true;
    });
}

bool diff_message(const Message& last, const Message& current, const FieldDescriptor* field, Message& change)
{
    const Reflection* reflection = current.GetReflection();
    const Message& now = reflection->GetMessage(current, field);
    if (reflection->HasField(last, field) && MessageDifferencer::Equals(reflection->GetMessage(last, field), now))
        return false;
    reflection->MutableMessage(&change, field)->CopyFrom(now);
    return true;
}

/// Lists are lists of messages: nothing else is shared.
bool diff_list(const Message& last, const Message& current, const FieldDescriptor* field, Message& change)
{
    const Reflection* reflection = current.GetReflection();
    assert(field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE);
    const int size = reflection->FieldSize(current, field);
    bool differs = size != reflection->FieldSize(last, field);
    for (int i = 0; i < size && !differs; ++i)
        differs = !MessageDifferencer::Equals(reflection->GetRepeatedMessage(last, field, i),
                                              reflection->GetRepeatedMessage(current, field, i));
    for (int i = 0; i < size && differs; ++i)
        reflection->AddMessage(&change, field)->CopyFrom(reflection->GetRepeatedMessage(current, field, i));
    return differs;
}

/// The entries of a map that `last` does not have or has with another value.
bool diff_map(const Message& last, const Message& current, const FieldDescriptor* field, Message& change)
{
    const Reflection* reflection = current.GetReflection();
    std::set<std::string> known;
    for (int i = 0; i < reflection->FieldSize(last, field); ++i)
        known.insert(reflection->GetRepeatedMessage(last, field, i).SerializeAsString());
    bool differs = false;
    for (int i = 0; i < reflection->FieldSize(current, field); ++i) {
        const Message& entry = reflection->GetRepeatedMessage(current, field, i);
        if (known.contains(entry.SerializeAsString())) continue;
        reflection->AddMessage(&change, field)->CopyFrom(entry);
        differs = true;
    }
    return differs;
}

/// A field without presence: it names the object and goes with every change.
bool is_name(const FieldDescriptor* field) { return !field->is_repeated() && !field->has_presence(); }

} // namespace

bool diff_fields(const Message& last, const Message& current, Message& change)
{
    bool differs = false;
    std::vector<const FieldDescriptor*> fields;
    current.GetReflection()->ListFields(current, &fields);
    for (const FieldDescriptor* field : fields) {
        if (is_name(field)) {
            (void)diff_value(*current.GetReflection()->GetMessageFactory()->GetPrototype(current.GetDescriptor()),
                             current, field, change);
        } else if (field->is_map()) {
            differs |= diff_map(last, current, field, change);
        } else if (field->is_repeated()) {
            differs |= diff_list(last, current, field, change);
        } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
            differs |= diff_message(last, current, field, change);
        } else {
            differs |= diff_value(last, current, field, change);
        }
    }
    return differs;
}

void merge_fields(Message& into, const Message& change)
{
    std::vector<const FieldDescriptor*> fields;
    change.GetReflection()->ListFields(change, &fields);
    for (const FieldDescriptor* field : fields) {
        const bool whole = field->is_repeated() || field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
        if (whole && !field->is_map()) into.GetReflection()->ClearField(&into, field);
    }
    into.MergeFrom(change);
}

namespace {

/// The frames made so far; a new one begins when the last is full.
struct Frames {
    std::vector<Sync> list;
    std::size_t used = 0;

    Sync& room(std::size_t size)
    {
        if (list.empty() || used + size > kSyncSize) {
            list.emplace_back();
            used = 0;
        }
        used += size;
        return list.back();
    }
};

/// `add` and `remove` name the two lists of a Sync that carry objects of one kind.
template <class Object, class Add, class Remove>
void diff_objects(const std::map<std::uint32_t, Object>& last, const std::map<std::uint32_t, Object>& current,
                  Frames& frames, Add add, Remove remove)
{
    static const Object none;
    for (const auto& [id, object] : last)
        if (!current.contains(id)) remove(frames.room(sizeof id + 1), id);
    for (const auto& [id, object] : current) {
        const auto before = last.find(id);
        Object change;
        const bool differs = diff_fields(before == last.end() ? none : before->second, object, change);
        if (!differs && before != last.end()) continue;
        change.set_circuit_id(id);
        Sync& frame = frames.room(change.ByteSizeLong() + 4);
        *add(frame) = std::move(change);
    }
}

} // namespace

std::vector<Sync> ChangeTracker::take(SharedObjects current)
{
    Frames frames;
    diff_objects(sent_.circuits, current.circuits, frames, [](Sync& s) { return s.add_circuits(); },
                 [](Sync& s, std::uint32_t id) { s.add_removed_circuits(id); });
    diff_objects(sent_.relays, current.relays, frames, [](Sync& s) { return s.add_relays(); },
                 [](Sync& s, std::uint32_t id) { s.add_removed_relays(id); });
    diff_objects(sent_.exits, current.exits, frames, [](Sync& s) { return s.add_exits(); },
                 [](Sync& s, std::uint32_t id) { s.add_removed_exits(id); });
    if (WorkerInfo change; diff_fields(sent_.worker, current.worker, change))
        *frames.room(change.ByteSizeLong()).mutable_worker() = std::move(change);
    if (DiscoveryInfo change; diff_fields(sent_.discovery, current.discovery, change))
        *frames.room(change.ByteSizeLong()).mutable_discovery() = std::move(change);
    sent_ = std::move(current);
    return std::move(frames.list);
}

} // namespace cepa::proto
