/* Routed attention and its gradients by plain loops in double over the formulas of core/graph/op.h, with what rounding
 * may change carried along term by term. */
#ifndef ATTENTION_REFERENCE_H
#define ATTENTION_REFERENCE_H

#include "kernel_test.h"

struct Shape {
    int samples, views, h, w, heads, head, windows, selected;
    int images() const
    {
        return samples * views;
    }
    int channels() const
    {
        return heads * head;
    }
    int count() const
    {
        return windows * windows;
    }
    int rows() const
    {
        return images() * count();
    }
    int tall() const
    {
        return (h + windows - 1) / windows;
    }
    int wide() const
    {
        return (w + windows - 1) / windows;
    }
    size_t pixels() const
    {
        return static_cast<size_t>(images()) * h * w;
    }
    size_t size() const
    {
        return pixels() * channels();
    }
    double scale() const
    {
        return 1 / std::sqrt(static_cast<double>(channels()));
    }
};

/* ---- the other side, by plain loops ---- */

/* Pixels of a window in the batch, -1 for padding. */
inline std::vector<ptrdiff_t> pixels_of(const Shape &s, int image, int window)
{
    std::vector<ptrdiff_t> all;
    for (int y = 0; y < s.tall(); y++)
        for (int x = 0; x < s.wide(); x++) {
            const int row = window / s.windows * s.tall() + y,
                      column = window % s.windows * s.wide() + x;
            all.push_back(row < s.h && column < s.w
                              ? (static_cast<ptrdiff_t>(image) * s.h + row) * s.w + column
                              : -1);
        }
    return all;
}

/* Different windows of the other views for each window, in any order. */
inline std::vector<int> choose_windows(const Shape &s, Numbers &numbers)
{
    std::vector<int> indices;
    for (int row = 0; row < s.rows(); row++) {
        const int view = row / s.count() % s.views;
        std::vector<int> all;
        for (int i = 0; i < s.views * s.count(); i++)
            if (s.views == 1 || i / s.count() != view) all.push_back(i);
        for (int i = 0; i < s.selected; i++) {
            const size_t at =
                static_cast<size_t>(i) + numbers.bits() % (all.size() - static_cast<size_t>(i));
            std::swap(all[static_cast<size_t>(i)], all[at]);
            indices.push_back(all[static_cast<size_t>(i)]);
        }
    }
    return indices;
}

/* What a number is and how far it may be off. */
struct Bounded {
    double value = 0, error = 0;
};

struct Reference {
    std::vector<Bounded> o, lse, dq, dk, dv;
};

/* Relative rounding of weights and of the other factor, and the least absolute one. */
inline double weight_rounding(cuda_math math)
{
    return 0x1p-20 + (math == CUDA_FP32 ? 0 : math == CUDA_TF32 ? 0x1p-10 : roundoff(math));
}
inline double weight_floor(cuda_math math)
{
    return math == CUDA_F16 ? 0x1p-24 : 0x1p-100;
}

template <class T> struct Case {
    Case(const Shape &shape, cuda_math math_)
        : s(shape), math(math_), q(s.size()), k(s.size()), v(s.size()), d_o(s.size()), o(s.size()),
          lse(s.pixels() * static_cast<size_t>(s.heads)),
          indices(static_cast<size_t>(s.rows()) * s.selected)
    {
        Numbers numbers(static_cast<uint64_t>(s.head * 100 + s.h));
        numbers.fill(q, 4);
        numbers.fill(k);
        numbers.fill(v, 1, 0.25);
        numbers.fill(d_o);
        const std::vector<int> chosen = choose_windows(s, numbers);
        for (size_t i = 0; i < chosen.size(); i++) indices[i] = chosen[i];
    }

    size_t at(ptrdiff_t pixel, int head, int c) const
    {
        return static_cast<size_t>(pixel) * s.channels() + head * s.head + c;
    }
    /* Sum over the channels of a head, 0 for padding. */
    Bounded product(const Buffer<T> &a, ptrdiff_t x, const Buffer<T> &b, ptrdiff_t y, int head) const
    {
        Bounded sum;
        double magnitude = 0;
        for (int c = 0; c < s.head && y >= 0; c++) {
            const double term =
                static_cast<double>(to_float(a[at(x, head, c)])) * to_float(b[at(y, head, c)]);
            sum.value += term;
            magnitude += std::fabs(term);
        }
        sum.error = product_error(math, s.head, magnitude);
        return sum;
    }
    template <class Each> void for_each_key(int row, Each each) const
    {
        const int sample = row / s.count() / s.views * s.views;
        for (int i = 0; i < s.selected; i++) {
            const int index = indices[static_cast<size_t>(row) * s.selected + i];
            for (ptrdiff_t pixel : pixels_of(s, sample + index / s.count(), index % s.count()))
                each(pixel);
        }
    }

    /* o and lse, which the gradients then take as inputs. */
    void forward(Reference &to)
    {
        to.o.resize(s.size());
        to.lse.resize(lse.size());
        for (int row = 0; row < s.rows(); row++)
            for (ptrdiff_t query : pixels_of(s, row / s.count(), row % s.count()))
                for (int head = 0; head < s.heads && query >= 0; head++)
                    forward_of(to, row, query, head);
    }

    void forward_of(Reference &to, int row, ptrdiff_t query, int head)
    {
        const size_t number = static_cast<size_t>(query) * s.heads + head;
        double total = 0, off = 0;
        for_each_key(row, [&](ptrdiff_t key) {
            const Bounded score = product(q, query, k, key, head);
            total += std::exp(score.value * s.scale());
            off = std::fmax(off, score.error * s.scale());
        });
        std::vector<double> sum(static_cast<size_t>(s.head)), magnitude = sum, least = sum;
        for_each_key(row, [&](ptrdiff_t key) {
            const double p = std::exp(product(q, query, k, key, head).value * s.scale()) / total;
            for (int c = 0; c < s.head && key >= 0; c++) {
                const double value = to_float(v[at(key, head, c)]);
                sum[c] += p * value;
                magnitude[c] += p * std::fabs(value);
                least[c] += weight_floor(math) * std::fabs(value);
            }
        });
        for (int c = 0; c < s.head; c++) {
            to.o[at(query, head, c)] = {sum[c],
                                        magnitude[c] * (2 * off + 2 * weight_rounding(math)) +
                                            least[c] + roundoff(math) * std::fabs(sum[c])};
            o[at(query, head, c)] = from_float<T>(static_cast<float>(sum[c]));
        }
        to.lse[number] = {std::log(total), off + 0x1p-20 * (1 + std::fabs(std::log(total)))};
        lse[number] = static_cast<float>(std::log(total));
    }

    /* dq, dk, dv for each pair of a query and a key that is not padding. */
    void backward(Reference &to) const
    {
        to.dq.resize(s.size());
        to.dk.resize(s.size());
        to.dv.resize(s.size());
        for (int row = 0; row < s.rows(); row++)
            for (ptrdiff_t query : pixels_of(s, row / s.count(), row % s.count()))
                for (int head = 0; head < s.heads && query >= 0; head++)
                    for_each_key(row, [&](ptrdiff_t key) {
                        if (key >= 0) backward_of(to, query, key, head);
                    });
        for (std::vector<Bounded> *all : {&to.dq, &to.dk, &to.dv})
            for (Bounded &one : *all) one.error += roundoff(math) * std::fabs(one.value) + 0x1p-24;
    }

    void backward_of(Reference &to, ptrdiff_t query, ptrdiff_t key, int head) const
    {
        const Bounded score = product(q, query, k, key, head),
                      gradient = product(d_o, query, v, key, head);
        Bounded delta = product(d_o, query, o, query, head);
        if (math == CUDA_TF32) delta.error *= 0x1p-10; /* summed as floats */
        const double p =
            std::exp(score.value * s.scale() - lse[static_cast<size_t>(query) * s.heads + head]);
        const double relative = score.error * s.scale() + 2 * weight_rounding(math),
                     floor = weight_floor(math);
        const double slope = p * (gradient.value - delta.value);
        const double slope_error =
            std::fabs(slope) * relative + p * (gradient.error + delta.error + 0x1p-22) + floor;
        for (int c = 0; c < s.head; c++) {
            const double x = to_float(q[at(query, head, c)]), y = to_float(k[at(key, head, c)]);
            const double z = to_float(d_o[at(query, head, c)]);
            add(to.dq[at(query, head, c)], s.scale() * slope * y,
                s.scale() * slope_error * std::fabs(y));
            add(to.dk[at(key, head, c)], s.scale() * slope * x,
                s.scale() * slope_error * std::fabs(x));
            add(to.dv[at(key, head, c)], p * z, (p * relative + floor) * std::fabs(z));
        }
    }
    static void add(Bounded &to, double value, double error)
    {
        to.value += value;
        to.error += error;
    }

    const Shape s;
    const cuda_math math;
    Buffer<T> q, k, v, d_o, o;
    Buffer<float> lse;
    Buffer<int> indices;
};

#endif
